// Commands by name, and the report of their failures; main.ts connects both with the process.
import { PageferryError } from '../page/error.js';
import { VERSION } from '../version.js';
import { type Command, type CommandGroup, isGroup } from './command.js';
import { COMMANDS, SUBCOMMANDS } from './commands.js';
import { commandHelp, groupHelp, programHelp } from './help.js';
import { type OptionTable, parseOptions, type Values } from './option-table.js';
import type { SignalHandler } from './signals.js';
import { printError, printErrorLine, printOut } from './terminal.js';
import { UsageError } from './usage-error.js';

/** Wrong usage, and the help to read. */
class CommandUsageError extends Error {
  constructor(
    readonly help: string,
    message: string,
  ) {
    super(message);
  }
}

/** Run the command that the words of a command line name. @throws what {@link reportFailure} reports */
export async function run([name, ...argv]: readonly string[], handler: SignalHandler): Promise<void> {
  if (name === undefined) throw new CommandUsageError('pageferry', 'a command is required');
  if (name === '--version' || name === '-V') return printOut(`${VERSION}\n`);
  if (name === '--help' || name === '-h' || (name === 'help' && argv.length === 0)) return printProgramHelp();
  if (name === 'help') return run([...argv, '--help'], handler);
  if (!Object.hasOwn(COMMANDS, name))
    throw new CommandUsageError(
      'pageferry',
      `${name || '""'}: unknown command${await suggest(name, Object.keys(COMMANDS))}`,
    );
  const path = `${name} ${argv[0]}`;
  if (Object.hasOwn(SUBCOMMANDS, path))
    return runCommand(path, await SUBCOMMANDS[path]!(), argv.slice(1), handler);
  const command: Command | CommandGroup = await COMMANDS[name as keyof typeof COMMANDS]();
  if (!isGroup(command)) return runCommand(name, command, argv, handler);
  const [second, ...rest] = argv;
  const subcommand = command.subcommands.find((one) => one.name === second);
  if (subcommand) return runCommand(`${name} ${second}`, subcommand, rest, handler);
  if (asksForHelp(argv)) return printOut(groupHelp(command));
  const known = command.subcommands.map((one) => one.name);
  const found = second === undefined ? 'a subcommand is required' : `${second || '""'}: unknown subcommand`;
  const remedy = (await suggest(second ?? '', known, name)) || `; expected one of ${known.join(', ')}`;
  throw new CommandUsageError(`pageferry ${name}`, `${name}: ${found}${remedy}`);
}

/** Return the end of the error for an unknown command. */
async function suggest(word: string, known: readonly string[], group?: string): Promise<string> {
  return (await import('./other-names.js')).suggestCommand(word, known, group);
}

async function printProgramHelp(): Promise<void> {
  printOut(programHelp((await Promise.all(Object.values(COMMANDS).map((load) => load()))) as Command[]));
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).some((word) => word === '--help' || word === '-h');
}

async function runCommand(
  path: string,
  command: Command,
  argv: readonly string[],
  handler: SignalHandler,
): Promise<void> {
  if (asksForHelp(argv)) return printOut(commandHelp(path, command));
  handler.stopMs = command.stopMs ?? handler.stopMs;
  try {
    const { values, operands } = parseOptions(argv, command.options, command.operands);
    await command.run({ values: values as Values<OptionTable>, operands, argv, signal: handler.signal });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const remedy = (await import('./other-names.js')).suggestName(error);
    throw new CommandUsageError(`pageferry ${path}`, `${path}: ${error.message}${remedy}`);
  }
}

/** Print why a command failed; return the exit status of the program. */
export function reportFailure(error: unknown): 1 | 2 {
  if (error instanceof CommandUsageError) {
    printErrorLine(`pageferry: ${error.message} (see ${error.help} --help)`);
    return 2;
  }
  if (error instanceof PageferryError) printErrorLine(`pageferry: ${withFlags(error)}`);
  else if (isOutOfMemory(error)) printErrorLine(outOfMemoryText(error));
  else printError(`pageferry: ${(error as Error)?.stack ?? error}\n`);
  return 1;
}

/** Options of the library that have another name on the command line. */
const FLAGS: Readonly<Record<string, string>> = {
  maxImageBytes: '--max-bytes',
  deltaBudgetBytes: '--delta-budget',
  pageBytes: '--page-bytes',
};

/** A message of the library, with the flags of the command line in place of its options. */
function withFlags({ code, message }: PageferryError): string {
  if (code === 'wrong-base' && message.includes('needs the base image'))
    return `${message}; name it with --base`;
  if (code !== 'limit' && code !== 'bad-argument') return message;
  return message.replace(/\b[a-z]+[A-Z]\w*\b/g, (name) => (Object.hasOwn(FLAGS, name) ? FLAGS[name]! : name));
}

/** Whether Node or V8 could not get memory, a thread or addresses from the operating system. */
function isOutOfMemory(error: unknown): error is Error {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  const isAllocation = error instanceof RangeError && /allocat|out of memory/i.test(error.message);
  return (
    isAllocation || ['ERR_WORKER_OUT_OF_MEMORY', 'ERR_WORKER_INIT_FAILED', 'ENOMEM'].includes(code ?? '')
  );
}

function outOfMemoryText({ message }: Error): string {
  return `pageferry: too little memory or address space: ${message}; raise the limit (ulimit -v, or that of the container)`;
}
