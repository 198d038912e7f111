// Option parsing of the agents, until they are described by a table.
import { parseArgs } from 'node:util';
import { UsageError } from './usage-error.js';
import { bitRate, byteCount, wholeNumber } from './values.js';

type Spec = Readonly<Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }>>;

export interface Args {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  flag(name: string): boolean;
}

export function parse(command: string, argv: readonly string[], options: Spec): Args {
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    const [reason] = (error as Error).message.split(/\n|\. /);
    throw new UsageError(`${command}: ${reason!.replace(/\.$/, '')}`);
  }
  const { values, positionals } = parsed;
  return {
    positionals,
    text: (name) => values[name] as string | undefined,
    texts: (name) => (values[name] as string[] | undefined) ?? [],
    flag: (name) => values[name] === true,
  };
}

function withFlag<T>(option: string, text: string, parser: (text: string) => T): T {
  try {
    return parser(text);
  } catch (error) {
    throw new UsageError(`${option} ${text}: ${(error as Error).message}`);
  }
}

export const parseBytes = (option: string, text: string) => withFlag(option, text, byteCount('1024T'));
export const parseWhole = (option: string, text: string, min: number, max: number) =>
  withFlag(option, text, wholeNumber(min, max));
export const parseRate = (text: string) => withFlag('--link', text, bitRate);
