// Checks of what a caller gives to the methods of a store, before they take its lock or read anything.
import { checkImageBytes, checkInteger, checkRange } from '../engine/options.js';
import { valueText } from '../page/checked-source.js';
import { badArgument, type PageferryError } from '../page/error.js';
import { checkOptions, type OptionTypes } from '../page/options.js';
import type { CheckOptions } from './check/check.js';
import type { StoreLayout } from './config.js';
import type { GcOptions } from './gc/gc.js';
import type {
  CompareOptions,
  GetOptions,
  OpenOptions,
  PruneOptions,
  PutOptions,
  WriterOptions,
} from './options.js';
import type { ReadOptions } from './read/snapshot.js';
import type { RepackOptions } from './repack/repack.js';
import type { RetentionPolicy } from './retention.js';
import type { ImportOptions } from './transfer/import.js';

const MAX_LEVEL = 22;
const MAX_THREADS = 16;

/** Options of each call. */
interface CallOptions {
  createStore: StoreLayout;
  openStore: OpenOptions;
  put: PutOptions;
  holds: CompareOptions;
  get: GetOptions;
  open: ReadOptions;
  remove: WriterOptions;
  prune: PruneOptions;
  import: ImportOptions;
  repack: RepackOptions;
  gc: GcOptions & WriterOptions;
  check: CheckOptions;
}

const WRITER: OptionTypes<WriterOptions> = { waitMs: 'number', signal: 'any' };
const COMPARE: OptionTypes<CompareOptions> = { ...WRITER, threads: 'number', onProgress: 'function' };

const OPTION_TYPES: { readonly [Call in keyof CallOptions]: OptionTypes<CallOptions[Call]> } = {
  createStore: { pageBytes: 'number', frameBytes: 'number', packBytes: 'number' },
  openStore: { keyFile: 'string' },
  put: {
    ...COMPARE,
    name: 'any',
    parent: 'string',
    belongsTo: 'string',
    labels: 'any',
    level: 'number',
    created: 'any',
  },
  holds: COMPARE,
  get: { signal: 'any', onProgress: 'function' },
  open: { cacheBytes: 'number' },
  remove: WRITER,
  prune: { ...WRITER, labels: 'any', dryRun: 'boolean' },
  import: { ...COMPARE, level: 'number', maxImageBytes: 'number' },
  repack: { ...WRITER, level: 'number' },
  gc: { ...WRITER, freeShare: 'number' },
  check: { readData: 'boolean', signal: 'any', onProgress: 'function' },
};

const POLICY_TYPES: OptionTypes<RetentionPolicy> = {
  last: 'number',
  hourly: 'number',
  daily: 'number',
  weekly: 'number',
  monthly: 'number',
  yearly: 'number',
};

/** Checks of options of which not every value of their type is valid. */
const VALUE_CHECKS: { readonly [name: string]: (value: never) => unknown } = {
  waitMs: (value) => checkRange('waitMs', value, 0, Infinity),
  threads: (value) => checkInteger('threads', value, 1, MAX_THREADS),
  level: (value) => checkInteger('level', value, 1, MAX_LEVEL),
  freeShare: (value) => checkRange('freeShare', value, 0, 1),
  cacheBytes: (value) => checkInteger('cacheBytes', value, 0, Number.MAX_SAFE_INTEGER),
  maxImageBytes: checkImageBytes,
  labels: checkLabels,
  created: checkDate,
};

/** Check the options of a call. @throws PageferryError `bad-argument` that names the option */
export function checkCall<Call extends keyof CallOptions>(call: Call, options: CallOptions[Call]): void {
  checkOptions(call, options, OPTION_TYPES[call]);
  for (const [name, value] of Object.entries(options))
    if (value !== undefined) VALUE_CHECKS[name]?.(value as never);
}

/** Check the numbers of a retention policy. @throws PageferryError `bad-argument` that names the rule */
export function checkPolicy(policy: RetentionPolicy): void {
  checkOptions('prune', policy, POLICY_TYPES);
  for (const [rule, number] of Object.entries(policy))
    if (number !== undefined) checkInteger(rule, number, 0, Number.MAX_SAFE_INTEGER);
}

/** Check that an argument is a string. @throws PageferryError `bad-argument` */
export function checkString(name: string, value: unknown): void {
  if (typeof value !== 'string') throw wrongValue(name, 'a string', value);
}

/** Check that an argument is an array of names. @throws PageferryError `bad-argument` */
export function checkNames(call: string, names: unknown): void {
  if (!Array.isArray(names)) throw wrongValue(`${call}: names`, 'an array of names', names);
  for (const name of names) checkString(`${call}: name`, name);
}

function checkLabels(labels: unknown): void {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels))
    throw wrongValue('labels', 'an object of strings', labels);
  for (const [key, value] of Object.entries(labels)) checkString(`labels.${key}`, value);
}

function checkDate(date: unknown): void {
  if (!(date instanceof Date) || Number.isNaN(date.getTime()))
    throw wrongValue('created', 'a valid Date', date);
}

function wrongValue(name: string, expected: string, value: unknown): PageferryError {
  return badArgument(`${name}: expected ${expected}, got ${valueText(value)}`);
}
