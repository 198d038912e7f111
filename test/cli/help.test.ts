import { describe, expect, test } from 'vitest';
import { type Command, type CommandGroup, isGroup } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands.js';
import * as program from './cli.js';
import { cli, done } from './in-process.js';

const COLUMNS = 80;
const LINES = 24;
const loaded: (Command | CommandGroup)[] = (
  await Promise.all(Object.values(COMMANDS).map((load) => load()))
).filter((command) => !('legacy' in command)) as (Command | CommandGroup)[];
const commands: [string, Command][] = loaded
  .filter((command) => !('legacy' in command))
  .flatMap((command) => {
    if (!isGroup(command)) return [[command.name, command] as [string, Command]];
    return command.subcommands.map((sub) => [`${command.name} ${sub.name}`, sub] as [string, Command]);
  });

/** What `pageferry --help` lists: every command, and a group with one row by its own name. */
const rows: [string, { readonly summary: string }][] = [
  ...commands.filter(
    ([path]) => !loaded.some((one) => isGroup(one) && one.isOneRow && path.startsWith(`${one.name} `)),
  ),
  ...loaded.flatMap((one) =>
    isGroup(one) && one.isOneRow ? [[one.name, one] as [string, CommandGroup]] : [],
  ),
];

const stdoutOf = async (...args: string[]) => (await done(args)).stdout.toString();

test('the registry has every command under its name', () => {
  expect(Object.keys(COMMANDS)).toEqual(expect.arrayContaining(loaded.map(({ name }) => name)));
});

test.each([['--help'], ['-h'], ['help']])(
  'pageferry %s fits one screen and lists every command',
  async (flag) => {
    const text = await stdoutOf(flag);
    const lines = text.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(LINES);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(COLUMNS);
    for (const [path, { summary }] of rows) {
      expect(text).toContain(`\n  ${path} `);
      expect(text).toContain(summary);
    }
  },
);

describe.each(commands)('pageferry %s --help', (path, command) => {
  test('documents every option of the table, in 80 columns', async () => {
    const text = await stdoutOf(...path.split(' '), '--help');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(COLUMNS);
    const documented = [...text.matchAll(/^ {2}(?:-\w,| {3}) --([a-z-]+)( [A-Z][^ ]*)?(?: |$)/gm)];
    expect(documented.map(([, flag, value]) => [flag, value?.trim()])).toEqual([
      ...Object.entries(command.options).map(([name, { value }]) => [name, value]),
      ['help', undefined],
    ]);
    for (const { default: value } of Object.values(command.options))
      for (const one of [value ?? []].flat()) expect(text).toContain(one);
  });

  test('-h and `help COMMAND` print the same, also beside other options', async () => {
    const words = path.split(' ');
    const text = await stdoutOf(...words, '--help');
    expect(await stdoutOf(...words, 'x', '--nonsense', '-h')).toBe(text);
    expect(await stdoutOf('help', ...words)).toBe(text);
  });

  test('every option is known to the parser', async () => {
    const flags = Object.entries(command.options);
    for (const [name] of flags) {
      // A switch refuses any value; the empty value is wrong everywhere or leaves required options missing.
      const { code, stderr } = await cli([...path.split(' '), `--${name}=`, '--nonsense']);
      expect(code).toBe(2);
      expect(stderr).not.toMatch(new RegExp(`^pageferry: ${path}: --(?!nonsense)[a-z-]+: unknown option`));
    }
  });
});

test('an unknown command is an error even with --help', async () => {
  for (const { code, stderr } of [await cli(['frob', '--help']), await program.cli(['frob', '--help'])])
    expect([code, stderr]).toEqual([2, 'pageferry: frob: unknown command (see pageferry --help)\n']);
});

test('the program prints the same help', async () => {
  for (const args of [['--help'], ['pack', '--help']])
    expect((await program.done(args)).stdout.toString()).toBe((await done(args)).stdout.toString());
});
