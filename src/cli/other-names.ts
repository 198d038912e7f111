// Names that other programs give to commands, for the errors of unknown ones.

type OtherNames = Readonly<Record<string, string>>;

const COMMANDS: OtherNames = {
  compress: 'pack',
  create: 'pack',
  decompress: 'unpack',
  extract: 'unpack',
  check: 'verify',
  test: 'verify',
  info: 'inspect',
  show: 'inspect',
  dump: 'capture',
  migrate: 'agent migrate',
  add: 'store put',
  put: 'store put',
  get: 'store get',
  restore: 'store get',
  list: 'store list',
  ls: 'store list',
  del: 'store rm',
  delete: 'store rm',
  remove: 'store rm',
  rm: 'store rm',
};

const SUBCOMMANDS: Readonly<Record<string, OtherNames>> = {
  store: {
    create: 'init',
    add: 'put',
    pack: 'put',
    extract: 'get',
    restore: 'get',
    unpack: 'get',
    ls: 'list',
    info: 'show',
    inspect: 'show',
    del: 'rm',
    delete: 'rm',
    remove: 'rm',
    test: 'check',
    verify: 'check',
  },
};

/** Return the end of the error for an unknown command: the command that a user of other programs means. */
export function suggest(word: string, group?: string): string {
  const names = group === undefined ? COMMANDS : (SUBCOMMANDS[group] ?? {});
  if (!Object.hasOwn(names, word)) return '';
  return `; did you mean pageferry ${group === undefined ? '' : `${group} `}${names[word]}?`;
}
