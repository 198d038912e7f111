import { parseArgs } from 'node:util';
import { UsageError } from './usage.js';

type Spec = Readonly<Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }>>;

/** Options of one call, checked against what the command knows. */
export interface Args {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  flag(name: string): boolean;
}

/** @throws UsageError for an unknown option, or one without its value */
export function parse(command: string, argv: readonly string[], options: Spec): Args {
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(`${command}: ${(error as Error).message.split('\n')[0]}`);
  }
  const { values, positionals } = parsed;
  const one = (name: string) => values[name];
  return {
    positionals,
    text: (name) => one(name) as string | undefined,
    texts: (name) => (one(name) as string[] | undefined) ?? [],
    flag: (name) => one(name) === true,
  };
}

/** `100Mbit`, `2.5Gbit`, `1Gbps`, `9600bit` as bits per second. @throws UsageError */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:bit(?:\/s)?|bps)$/i.exec(text);
  const rate = match ? Number(match[1]) * 1000 ** ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ') : 0;
  if (!(rate >= 1)) throw new UsageError(`--link: "${text}" is no rate: expected 100Mbit, 1Gbit, 10Gbit, ...`);
  return rate;
}

/** `4096`, `256M`, `1GiB` as bytes. @throws UsageError */
export function parseBytes(option: string, text: string): number {
  const match = /^(\d+)([kmgt]?)(?:i?b)?$/i.exec(text);
  if (!match) throw new UsageError(`${option}: "${text}" is no size: expected 4096, 256M, 1G, ...`);
  return Number(match[1]) * 1024 ** ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ');
}

/** A whole number. @throws UsageError */
export function parseWhole(option: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new UsageError(`${option}: expected ${least} … ${most}, got "${text}"`);
  return value;
}

/** @throws UsageError when the option is missing */
export function required(args: Args, command: string, option: string): string {
  const value = args.text(option);
  if (value === undefined) throw new UsageError(`${command}: needs ${option.length === 1 ? '-' : '--'}${option}`);
  return value;
}
