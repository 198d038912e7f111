import { existsSync, realpathSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PageferryError } from '../page/error.js';
import { strategyByName } from '../strategy/registry.js';
import type { Strategy } from '../strategy/strategy.js';
import { PAGE_BYTES } from '../stream/format.js';
import { UsageError } from './usage.js';

const MAX_BITS_PER_SECOND = 1e15;

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
    // Node's message goes on with advice about "--" that seldom fits.
    const [reason] = (error as Error).message.split(/\n|\. /);
    throw new UsageError(`${command}: ${reason!.replace(/\.$/, '')}`);
  }
  const { values, positionals } = parsed;
  const paths = [...positionals, ...['output', 'base'].flatMap((name) => values[name] ?? [])];
  if (paths.includes('')) throw new UsageError(`${command}: a file name is empty`);
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
  if (!(rate >= 1 && rate <= MAX_BITS_PER_SECOND))
    throw new UsageError(`--link: "${text}" is no rate: expected 100Mbit, 1Gbit, 10Gbit, ...`);
  return rate;
}

/** `4096`, `256M`, `1GiB` as bytes. @throws UsageError */
export function parseBytes(option: string, text: string): number {
  const match = /^(\d+)([kmgt]?)(?:i?b)?$/i.exec(text);
  if (!match) throw new UsageError(`${option}: "${text}" is no size: expected 4096, 256M, 1G, ...`);
  return Number(match[1]) * 1024 ** ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ');
}

/** One of the page sizes. @throws UsageError */
export function parsePageBytes(text: string): number {
  const bytes = parseBytes('--page-bytes', text);
  if (!PAGE_BYTES.some((known) => known === bytes))
    throw new UsageError(`--page-bytes: expected one of ${PAGE_BYTES.join(', ')}, got "${text}"`);
  return bytes;
}

/** @throws UsageError that lists the strategies */
export function parseStrategy(name: string): Strategy {
  try {
    return strategyByName(name);
  } catch (error) {
    if (error instanceof PageferryError && error.code === 'bad-argument')
      throw new UsageError(`--strategy: ${error.message}`);
    throw error;
  }
}

/** A whole number. @throws UsageError */
export function parseWhole(option: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw new UsageError(`${option}: expected ${least} … ${most}, got "${text}"`);
  return value;
}

/** @throws UsageError when the option is missing */
export function required(args: Args, command: string, option: string): string {
  const value = args.text(option);
  if (value === undefined)
    throw new UsageError(`${command}: needs ${option === 'output' ? '-o' : `--${option}`}`);
  return value;
}

/** Where the output goes. @throws UsageError when it is missing, is one of `inputs` or would fill a terminal with bytes */
export function outputPath(args: Args, command: string, inputs: readonly string[]): string {
  const path = required(args, command, 'output');
  if (path === '-' && process.stdout.isTTY)
    throw new UsageError(`${command}: -o -: standard output is a terminal`);
  if (path !== '-' && existsSync(path) && statSync(path).isFile()) {
    const real = realpathSync(path);
    const same = (input: string) => input !== '-' && existsSync(input) && realpathSync(input) === real;
    if (inputs.some(same)) throw new UsageError(`${command}: -o ${path} is also an input`);
  }
  return path;
}

/** @throws UsageError when standard input is named twice: it can be read only once */
export function checkInputs(command: string, inputs: readonly string[]): void {
  if (inputs.filter((input) => input === '-').length > 1)
    throw new UsageError(`${command}: standard input (-) is given more than once`);
}
