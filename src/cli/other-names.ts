// Suggestions for unknown names: those that other programs give to commands, and mistyped ones.
import { nearestName } from './nearest-name.js';
import type { UsageError } from './usage-error.js';

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

/**
 * Return the end of the error for an unknown command, of those that are `known`: the command that a user of
 * other programs means, or the one that is mistyped.
 */
export function suggestCommand(word: string, known: readonly string[], group?: string): string {
  const names = group === undefined ? COMMANDS : (SUBCOMMANDS[group] ?? {});
  const name = Object.hasOwn(names, word) ? names[word] : nearestName(word, known);
  return name === undefined
    ? ''
    : `; did you mean pageferry ${group === undefined ? '' : `${group} `}${name}?`;
}

/** Return the end of the error for a mistyped option or value: the known name that it resembles. */
export function suggestName({ mistyped }: UsageError): string {
  const name = mistyped && nearestName(mistyped.word, mistyped.known);
  return name === undefined ? '' : `; did you mean ${name}?`;
}
