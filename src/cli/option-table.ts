// One table per command describes its options; parsing and help are both derived from it.
import { parseArgs } from 'node:util';
import { UsageError } from './usage-error.js';

/** One option. Its key in the table is the long flag without "--". An option without `value` is a switch. */
export interface Option {
  /** One letter for the short flag. */
  readonly short?: string;
  /** Name of the value in help texts: RATE, FILE, N. */
  readonly value?: string;
  /** Noun phrase for help texts. */
  readonly help: string;
  /**
   * Convert the value; without a parser it stays a string.
   * @throws UsageError that says what is wrong and what is expected
   */
  readonly parse?: (text: string) => unknown;
  /** Names among the values, for the errors of mistyped ones. */
  readonly names?: readonly string[];
  /** Value where the option is absent, written as on a command line. */
  readonly default?: string | readonly string[];
  /** The default in words, where it depends on the machine or on other options. */
  readonly defaultText?: string;
  readonly repeatable?: true;
  readonly required?: true;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** Operands that a command takes. */
export interface Operands {
  /** As in a usage line: IMAGE..., FILE. */
  readonly label: string;
  readonly min: number;
  readonly max: number;
}

type ValueOf<O extends Option> = O extends { parse: (text: string) => infer T }
  ? T
  : O extends { value: string }
    ? string
    : boolean;

/** What a parsed table holds: repeatable options are arrays, options without a default may be undefined. */
export type Values<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends { repeatable: true }
    ? readonly ValueOf<T[K]>[]
    : T[K] extends { required: true } | { default: string }
      ? ValueOf<T[K]>
      : T[K] extends { value: string }
        ? ValueOf<T[K]> | undefined
        : boolean;
};

/** A command line, checked against a table. */
export interface ParsedOptions {
  readonly values: Readonly<Record<string, unknown>>;
  readonly operands: readonly string[];
}

/** Check `argv` against a table. @throws UsageError for the first option or operand that is wrong */
export function parseOptions(
  argv: readonly string[],
  table: OptionTable,
  operands: Operands | undefined,
): ParsedOptions {
  const { values, positionals } = rawValues(argv, table);
  const parsed: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(table)) parsed[name] = optionValue(name, option, values[name]);
  checkOperands(positionals, operands);
  return { values: parsed, operands: positionals };
}

function rawValues(argv: readonly string[], table: OptionTable) {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { short, value }]) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: value !== undefined,
        ...(short !== undefined && { short }),
      },
    ]),
  );
  try {
    return parseArgs({
      args: joinNegativeNumbers(argv, table),
      options,
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw parseArgsError(error as NodeJS.ErrnoException, table);
  }
}

/** Join an option and a value such as -5, which `parseArgs` would take for another option. */
function joinNegativeNumbers(argv: readonly string[], table: OptionTable): string[] {
  const flags = new Map<string, string>();
  for (const [name, { short, value }] of Object.entries(table)) {
    if (value === undefined) continue;
    flags.set(`--${name}`, `--${name}=`);
    if (short !== undefined) flags.set(`-${short}`, `-${short}`);
  }
  const joined: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') return [...joined, ...argv.slice(i)];
    const prefix = flags.get(word);
    if (prefix !== undefined && /^-[\d.]/.test(argv[i + 1] ?? '')) joined.push(prefix + argv[++i]);
    else joined.push(word);
  }
  return joined;
}

/** Return the error with Node's message, without its advice about "--", which seldom fits. */
function parseArgsError({ code, message }: NodeJS.ErrnoException, table: OptionTable): UsageError {
  const word = /'([^']*)'/.exec(message)?.[1] ?? '';
  const known = ['help', ...Object.keys(table)].map((name) => `--${name}`);
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
    return new UsageError(`${word}: unknown option`, { word, known });
  const [reason] = message.split(/\n|\. /);
  return new UsageError(reason!.replace(/\.$/, '').replace(/^Option '(.*?)'/, '$1:'));
}

function optionValue(name: string, option: Option, given: unknown): unknown {
  if (option.value === undefined) return given === true;
  const texts = (given as string[] | undefined) ?? defaultsOf(option);
  if (texts.length === 0 && option.required)
    throw new UsageError(`${flagText(name, option)} ${option.value} is required`);
  if (texts.length > 1 && !option.repeatable) throw new UsageError(`${flagText(name, option)} given twice`);
  const values = texts.map((text) => valueOfText(name, option, text));
  return option.repeatable ? values : values.at(-1);
}

function defaultsOf({ default: value }: Option): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}

function valueOfText(name: string, option: Option, text: string): unknown {
  if (!option.parse) return text;
  try {
    return option.parse(text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // A message of the library names the value too.
    const message = `--${name} ${quoted(text)}: ${error.message.replace(` "${text}"`, '')}`;
    throw new UsageError(message, option.names && { word: text, known: option.names });
  }
}

function checkOperands(given: readonly string[], expected: Operands | undefined): void {
  const { label, min, max } = expected ?? { label: '', min: 0, max: 0 };
  if (given.length > max) throw new UsageError(`${quoted(given[max]!)}: unexpected operand`);
  if (given.length < min) throw new UsageError(`needs ${label}`);
  if (given.includes('')) throw new UsageError('"": an empty file name');
}

/** "-o" where there is a short flag, else "--output". */
function flagText(name: string, { short }: Option): string {
  return short === undefined ? `--${name}` : `-${short}`;
}

/** As it was written, in quotes where it would not be seen otherwise. */
function quoted(text: string): string {
  return text === '' || /\s/.test(text) ? JSON.stringify(text) : text;
}
