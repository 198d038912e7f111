import { PageferryError } from '../../page/error.js';
import type { LinkSpec } from '../../simulate/link.js';
import { TECHNIQUES, techniqueByName } from '../../simulate/technique/registry.js';
import { type Args, parse, parseRate, parseStrategy, parseWhole } from '../args.js';
import { UsageError } from '../usage.js';

const DEFAULT_LINK = '1Gbit';
const DEFAULT_RTT_MS = 0.2;
const DEFAULT_LIMIT_MS = 300;
const DEFAULT_STORAGE = 200e6;
const MAX_MS = 1e9;
const MAX_BYTES_PER_SECOND = 1e14;

/** What `pageferry simulate` was asked. */
export interface SimulateOptions {
  readonly techniques: readonly string[];
  readonly strategy: string | undefined;
  readonly links: readonly LinkSpec[];
  readonly downtimeLimitMs: number;
  readonly seed: number;
  readonly threads: number;
  readonly storageBytesPerSecond: number;
  readonly autoConverge: boolean;
  readonly comesBack: boolean;
  readonly trace: string | undefined;
  readonly guest: string | undefined;
  readonly costs: string | undefined;
  readonly html: string | undefined;
  readonly json: boolean;
}

/** @throws UsageError */
export function simulateOptions(argv: readonly string[]): SimulateOptions {
  const value = { type: 'string' } as const;
  const many = { type: 'string', multiple: true } as const;
  const flag = { type: 'boolean' } as const;
  const args = parse('simulate', argv, {
    trace: value,
    guest: value,
    technique: many,
    strategy: value,
    link: many,
    rtt: value,
    cut: value,
    'downtime-limit': value,
    seed: value,
    threads: value,
    storage: value,
    costs: value,
    'comes-back': flag,
    'auto-converge': flag,
    html: value,
    json: flag,
  });
  const [extra] = args.positionals;
  if (extra !== undefined) throw new UsageError(`simulate: "${extra}": expected --trace DIR or --guest SPEC`);
  const [trace, guest, strategy] = [args.text('trace'), args.text('guest'), args.text('strategy')];
  if (trace !== undefined && guest !== undefined)
    throw new UsageError('simulate: --trace and --guest: expected one of them');
  if (args.flag('comes-back') && trace === undefined)
    throw new UsageError(
      'simulate: --comes-back: needs --trace; a guest by parameters takes changed-since-visit=SHARE',
    );
  for (const path of [trace, args.text('costs')])
    if (path === '') throw new UsageError('simulate: a file name is empty');
  if (strategy !== undefined) parseStrategy(strategy);
  return {
    techniques: techniquesOf(args),
    strategy,
    links: linksOf(args),
    downtimeLimitMs: number(args, 'downtime-limit', DEFAULT_LIMIT_MS),
    seed: parseWhole('--seed', args.text('seed') ?? '1', 0, 2 ** 32 - 1),
    threads: parseWhole('--threads', args.text('threads') ?? '2', 1, 64),
    storageBytesPerSecond: storageOf(args),
    autoConverge: args.flag('auto-converge'),
    comesBack: args.flag('comes-back'),
    trace,
    guest,
    costs: args.text('costs'),
    html: args.text('html'),
    json: args.flag('json'),
  };
}

/** Each once, in the order given. @throws UsageError that lists the techniques */
function techniquesOf(args: Args): string[] {
  const given = args.texts('technique');
  const names = (given.length > 0 ? given : ['all']).flatMap((name) => {
    if (name === 'all') return TECHNIQUES.map((technique) => technique.name);
    try {
      return [techniqueByName(name).name];
    } catch (error) {
      if (error instanceof PageferryError) throw new UsageError(`--technique: ${error.message}, or all`);
      throw error;
    }
  });
  return [...new Set(names)];
}

/** Each once, slowest first. */
function linksOf(args: Args): LinkSpec[] {
  const given = args.texts('link');
  const rates = (given.length > 0 ? given : [DEFAULT_LINK]).map(parseRate);
  const rttMs = number(args, 'rtt', DEFAULT_RTT_MS);
  const cut = cutOf(args.text('cut'));
  return [...new Set(rates)]
    .sort((a, b) => a - b)
    .map((bitsPerSecond) => ({ bitsPerSecond, rttMs, ...(cut && { cut }) }));
}

/** `500`: lost for good after 500 ms; `500+2000`: for 2 s. */
function cutOf(text: string | undefined): LinkSpec['cut'] {
  if (text === undefined) return undefined;
  const [at, long, ...rest] = text.split('+');
  const atMs = decimal(at!);
  const forMs = long === undefined ? Infinity : decimal(long);
  if (atMs <= MAX_MS && (forMs <= MAX_MS || forMs === Infinity) && rest.length === 0) return { atMs, forMs };
  throw new UsageError(`--cut: expected the time in ms, or time and length as 500+2000, got "${text}"`);
}

/** `200M` or `1.5GB/s` as bytes a second. */
function storageOf(args: Args): number {
  const text = args.text('storage');
  if (text === undefined) return DEFAULT_STORAGE;
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:b(?:\/s)?)?$/i.exec(text);
  const rate = match ? Number(match[1]) * 1000 ** ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ') : 0;
  if (rate >= 1 && rate <= MAX_BYTES_PER_SECOND) return rate;
  throw new UsageError(`--storage: "${text}" is no rate: expected bytes a second as 200M or 1G`);
}

function number(args: Args, name: string, otherwise: number): number {
  const text = args.text(name);
  if (text === undefined) return otherwise;
  const value = decimal(text);
  if (!(value <= MAX_MS))
    throw new UsageError(`--${name}: expected milliseconds, 0 … ${MAX_MS}, got "${text}"`);
  return value;
}

function decimal(text: string): number {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}
