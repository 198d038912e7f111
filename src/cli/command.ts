import type { Operands, OptionTable, Values } from './option-table.js';

/** What a command is run with: everything has been checked against its table. */
interface Invocation<T extends OptionTable> {
  readonly values: Values<T>;
  readonly operands: readonly string[];
  /** The arguments as written, for reports that repeat the command line. */
  readonly argv: readonly string[];
  /**
   * Aborts on SIGINT, SIGTERM and SIGHUP. A command that resolves after an abort ends the program normally.
   */
  readonly signal: AbortSignal;
}

/** One command of the program. */
export interface Command<T extends OptionTable = OptionTable> {
  readonly name: string;
  /** One line without a full stop, for `pageferry --help`; at most 60 characters. */
  readonly summary: string;
  readonly operands?: Operands;
  readonly options: T;
  /** Paragraphs after the options in the command's help. */
  readonly details?: readonly string[];
  /**
   * Time for an orderly end after a signal, in milliseconds; then the program ends anyway. 2000 unless given.
   */
  readonly stopMs?: number;
  run(invocation: Invocation<T>): Promise<void>;
}

/** A command that only has subcommands: `agent source`, `agent destination`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  /** Whether `pageferry --help` has one row for all its subcommands. */
  readonly isOneRow?: true;
  readonly subcommands: readonly Command[];
}

/** Infer the types of a command's values from its table. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command {
  return command as unknown as Command;
}

export function isGroup(command: Command | CommandGroup): command is CommandGroup {
  return 'subcommands' in command;
}
