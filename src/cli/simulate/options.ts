import type { LinkSpec } from '../../simulate/link.js';
import { TECHNIQUES, techniqueByName } from '../../simulate/technique/registry.js';
import { FORMAT_OPTION } from '../common-options.js';
import type { OptionTable, Values } from '../option-table.js';
import { UsageError } from '../usage-error.js';
import {
  bitRate,
  byteRate,
  decimal,
  fileName,
  fromRegistry,
  milliseconds,
  pageFile,
  strategy,
  wholeNumber,
} from '../values.js';

const MAX_OUTAGE_MS = 1e9;

/** Options of `pageferry simulate`. */
export const SIMULATE_OPTIONS = {
  guest: {
    value: 'SPEC',
    help: 'synthetic guest: idle, write-heavy, cache-heavy, diverging, bursty or return-visit, with settings as in idle,size=1T,writes=100; wasm: a running WebAssembly program',
    defaultText: 'write-heavy',
  },
  trace: { value: 'DIRECTORY', help: 'snapshots of one guest, 1.5 s apart', parse: fileName },
  format: FORMAT_OPTION,
  'return-visit': { help: 'with --trace: the destination has the first snapshot' },
  technique: {
    value: 'NAME',
    help: 'migration technique, or all',
    parse: techniqueName,
    names: TECHNIQUES.map(({ name }) => name),
    repeatable: true,
    default: ['all'],
  },
  strategy: {
    value: 'NAME',
    help: 'packing strategy',
    parse: (name: string) => {
      strategy(name);
      return name;
    },
    defaultText: "the technique's own",
  },
  link: { value: 'RATE', help: 'link rate', parse: bitRate, repeatable: true, default: ['1Gbit'] },
  rtt: { value: 'MS', help: 'round-trip time', parse: milliseconds, default: '0.2' },
  outage: { value: 'MS[+MS]', help: 'start of a link outage, and its length', parse: outage },
  'downtime-limit': { value: 'MS', help: 'target downtime', parse: milliseconds, default: '300' },
  'auto-converge': { help: 'throttle a guest that writes faster than the link' },
  threads: { value: 'N', help: 'threads per host, 1 to 64', parse: wholeNumber(1, 64), default: '2' },
  storage: { value: 'RATE', help: 'bytes per second of shared storage', parse: byteRate, default: '200M' },
  costs: {
    value: 'FILE',
    help: 'CPU costs as JSON, in the form of --json; measured: measure this machine',
    parse: fileName,
    defaultText: 'built in',
  },
  seed: { value: 'N', help: 'seed of all random numbers', parse: wholeNumber(0, 2 ** 32 - 1), default: '1' },
  html: { value: 'FILE', help: 'report as one HTML page with charts', parse: pageFile },
  json: { help: 'report as a JSON array of rows' },
} as const satisfies OptionTable;

export type SimulateOptions = Values<typeof SIMULATE_OPTIONS>;

/** @throws UsageError for options that exclude each other */
export function checkSimulateOptions({ trace, guest, 'return-visit': returnVisit }: SimulateOptions): void {
  if (trace !== undefined && guest !== undefined)
    throw new UsageError('--trace and --guest: only one of them can be given');
  if (returnVisit && trace === undefined)
    throw new UsageError('--return-visit: needs --trace; a synthetic guest has changed-since-visit=SHARE');
}

/** Every technique that was asked for once, in the order given. */
export function techniquesOf({ technique }: SimulateOptions): string[] {
  return [
    ...new Set(technique.flatMap((name) => (name === 'all' ? TECHNIQUES.map((one) => one.name) : [name]))),
  ];
}

/** Every rate once, the slowest first. */
export function linksOf({ link, rtt, outage: cut }: SimulateOptions): LinkSpec[] {
  return [...new Set(link)]
    .sort((a, b) => a - b)
    .map((bitsPerSecond) => ({ bitsPerSecond, rttMs: rtt, ...(cut && { cut }) }));
}

function techniqueName(name: string): string {
  return name === 'all' ? name : fromRegistry(() => techniqueByName(name).name);
}

/** `500`: from 500 ms on, for ever; `500+2000`: for 2 s. */
function outage(text: string): NonNullable<LinkSpec['cut']> {
  const [at, length, ...rest] = text.split('+');
  const atMs = decimal(at!);
  const forMs = length === undefined ? Infinity : decimal(length);
  const isLength = forMs <= MAX_OUTAGE_MS || length === undefined;
  if (atMs <= MAX_OUTAGE_MS && isLength && rest.length === 0) return { atMs, forMs };
  throw new UsageError('not an outage; write its start in milliseconds, or start and length as 500+2000');
}
