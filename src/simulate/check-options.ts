// Checks the options of a simulation, and what a caller's own guest and link return: with a time that is not
// a finite number the simulation would not end.
import { checkInteger, checkRange } from '../engine/options.js';
import { valueText } from '../page/checked-source.js';
import { badArgument, type PageferryError } from '../page/error.js';
import type { Costs } from './costs.js';
import type { Guest } from './guest.js';
import type { LinkSpec } from './link.js';
import type { HostSpec } from './settings.js';
import type { SimulationOptions } from './simulation-options.js';
import type { Technique } from './technique.js';

const MAX_RATE = 1e15;
const MAX_MS = 1e9;
const MAX_THREADS = 1024;
/** A smaller share of a core gives times that are not of interest. */
const MIN_SHARE = 0.001;
const MAX_SEED = 2 ** 32 - 1;
const MAX_US = 1e9;
const US_FIELDS = ['copyUs', 'scanUs', 'lookupUs', 'similarUs', 'profileUs'] as const;

/** Check the values of all options. @throws PageferryError `bad-argument` that names the option */
export function checkSimulation(options: SimulationOptions): void {
  const { guest, technique, link, source, destination, costs } = options;
  if (typeof guest?.open !== 'function') throw bad('guest', 'a guest, as syntheticGuest makes one', guest);
  if (typeof technique !== 'string') checkTechnique(technique);
  checkLink(link);
  if (source !== undefined) checkHost('source', source);
  if (destination !== undefined) checkHost('destination', destination);
  if (costs !== undefined) checkCosts(costs);
  const { downtimeLimitMs = 0, seed = 0, storageBytesPerSecond = 1 } = options;
  checkRange('downtimeLimitMs', downtimeLimitMs, 0, MAX_MS);
  checkInteger('seed', seed, 0, MAX_SEED);
  checkRange('storageBytesPerSecond', storageBytesPerSecond, 1, MAX_RATE);
}

/** Check the numbers of an open guest. @throws PageferryError `bad-argument` */
export function checkGuest(guest: Guest): void {
  if (typeof guest?.run !== 'function') throw bad('guest.open', 'a guest with a function run', guest);
  checkInteger('guest.pages', guest.pages, 1, 2 ** 32);
  checkRange('guest.scale', guest.scale, 1, MAX_RATE);
  checkInteger('guest.stateBytes', guest.stateBytes, 0, Number.MAX_SAFE_INTEGER);
}

function checkTechnique(technique: Technique): void {
  if (typeof technique?.migrate !== 'function')
    throw bad('technique', 'a name, or an object with a function migrate', technique);
  const { cacheBytes = 0, name } = technique;
  if (typeof name !== 'string') throw bad('technique.name', 'a string', name);
  checkRange('technique.cacheBytes', cacheBytes, 0, Number.MAX_SAFE_INTEGER);
}

function checkLink(link: LinkSpec): void {
  if (!isObject(link)) throw bad('link', 'an object with bitsPerSecond and rttMs', link);
  const { bitsPerSecond, rttMs, cut, sendMs } = link;
  checkRange('link.bitsPerSecond', bitsPerSecond, 1, MAX_RATE);
  checkRange('link.rttMs', rttMs, 0, MAX_MS);
  if (sendMs !== undefined && typeof sendMs !== 'function')
    throw bad('link.sendMs', 'a function or undefined', sendMs);
  if (cut === undefined) return;
  if (!isObject(cut)) throw bad('link.cut', 'an object with atMs and forMs', cut);
  checkRange('link.cut.atMs', cut.atMs, 0, MAX_MS);
  if (cut.forMs !== Infinity) checkRange('link.cut.forMs', cut.forMs, 0, MAX_MS);
}

function checkHost(name: string, host: HostSpec): void {
  if (!isObject(host)) throw bad(name, 'an object with threads and share', host);
  checkInteger(`${name}.threads`, host.threads, 1, MAX_THREADS);
  checkRange(`${name}.share`, host.share, MIN_SHARE, 1);
}

function checkCosts(costs: Costs): void {
  if (!isObject(costs)) throw bad('costs', 'an object, as MEASURED_COSTS', costs);
  if (typeof costs.name !== 'string') throw bad('costs.name', 'a string', costs.name);
  for (const field of US_FIELDS) checkRange(`costs.${field}`, costs[field], 0, MAX_US);
  checkRange('costs.encryptBytesPerMs', costs.encryptBytesPerMs, 1, Infinity);
  const { encodeUs, decodeUs, packBytesPerMs, unpackBytesPerMs } = costs;
  for (const [name, values] of Object.entries({ encodeUs, decodeUs }))
    checkFields(`costs.${name}`, values, [], 0, MAX_US);
  checkFields('costs.packBytesPerMs', packBytesPerMs, ['lz4'], 1, Infinity);
  checkFields('costs.unpackBytesPerMs', unpackBytesPerMs, ['lz4', 'zstd'], 1, Infinity);
}

/** Check an object of numbers that has at least the fields `required`. */
function checkFields(
  name: string,
  values: Readonly<Record<string, number>>,
  required: readonly string[],
  min: number,
  max: number,
): void {
  if (!isObject(values)) throw bad(name, 'an object of numbers', values);
  for (const field of new Set([...required, ...Object.keys(values)]))
    checkRange(`${name}.${field}`, values[field]!, min, max);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function bad(name: string, expected: string, value: unknown): PageferryError {
  return badArgument(`${name}: expected ${expected}, got ${valueText(value)}`);
}
