import { badArgument } from '../page/error.js';
import { CONTENTS, type Content } from './guest/content.js';
import { SYNTHETIC_DEFAULTS, type SyntheticOptions, syntheticGuest } from './guest/synthetic.js';
import type { GuestSpec } from './guest.js';

// SPEC   := PRESET ("," KEY "=" VALUE)* | KEY "=" VALUE ("," KEY "=" VALUE)*
// mix    := KIND ":" SHARE ("+" KIND ":" SHARE)*
// phases := MS "x" FACTOR ("+" MS "x" FACTOR)*

const MIB = 2 ** 20;
const PAGE_BYTES = 4096;
const MIN_BYTES = 64 * PAGE_BYTES;
const MAX_BYTES = 2 ** 50;
const MAX_WRITES = 1e8;
const MAX_READS = 1000;
const MIN_SAMPLE = 64;
const MAX_SAMPLE = 1 << 22;
const PATTERNS = ['hot', 'zipf', 'sequential'] as const;
const CHANGES = ['words', 'page'] as const;
const DEFAULT_PRESET = 'write-heavy';

type Settings = Omit<SyntheticOptions, 'name'>;

/** Settings that every other preset changes. */
const WRITE_HEAVY: Settings = { ...SYNTHETIC_DEFAULTS, bytes: 256 * MIB };

const PRESETS: Readonly<Record<string, Settings>> = {
  idle: {
    ...WRITE_HEAVY,
    writesPerSecond: 50,
    mix: { zero: 0.67, text: 0.1, pointers: 0.1, code: 0.09, random: 0.04 },
  },
  [DEFAULT_PRESET]: WRITE_HEAVY,
  'cache-heavy': {
    ...WRITE_HEAVY,
    writesPerSecond: 1000,
    mix: { zero: 0.1, text: 0.4, code: 0.2, random: 0.3 },
    cacheShare: 0.6,
  },
  // 1 Gbit/s carries 30,518 uncompressed pages a second.
  diverging: {
    ...WRITE_HEAVY,
    writesPerSecond: 60_000,
    pattern: 'sequential',
    hotShare: 0.6,
    writeUnit: 'page',
  },
  bursty: {
    ...WRITE_HEAVY,
    phases: [
      { ms: 800, factor: 0.1 },
      { ms: 400, factor: 4 },
    ],
  },
  'return-visit': { ...WRITE_HEAVY, writesPerSecond: 1000, changedSinceVisit: 0.12 },
};

/** Throws an error with the expected form of a value. */
type Refuse = (expected: string) => never;

/** Parsers of settings, by key. */
const KEYS: Readonly<Record<string, (value: string, refuse: Refuse) => Partial<Settings>>> = {
  size: (value, refuse) => ({ bytes: parseSize(value, refuse) }),
  writes: (value, refuse) => ({ writesPerSecond: parseNumber(value, 0, MAX_WRITES, refuse) }),
  reads: (value, refuse) => ({ readsPerWrite: parseWhole(value, 0, MAX_READS, refuse) }),
  pattern: (value, refuse) => ({ pattern: oneOf(value, PATTERNS, refuse) }),
  hot: (value, refuse) => ({ hotShare: parseShare(value, refuse) }),
  'hot-writes': (value, refuse) => ({ hotWrites: parseShare(value, refuse) }),
  change: (value, refuse) => ({ writeUnit: oneOf(value, CHANGES, refuse) }),
  mix: (value, refuse) => ({ mix: parseMix(value, refuse) }),
  free: (value, refuse) => ({ freeShare: parseShare(value, refuse) }),
  cache: (value, refuse) => ({ cacheShare: parseShare(value, refuse) }),
  duplicates: (value, refuse) => ({ duplicateShare: parseShare(value, refuse) }),
  phases: (value, refuse) => ({ phases: parsePhases(value, refuse) }),
  'changed-since-visit': (value, refuse) => ({ changedSinceVisit: parseShare(value, refuse) }),
  sample: (value, refuse) => ({ samplePages: parseWhole(value, MIN_SAMPLE, MAX_SAMPLE, refuse) }),
};

/**
 * Parse a synthetic guest: a preset, settings, or a preset with some settings changed.
 * @throws PageferryError `bad-argument` that names the key and the expected value
 */
export function parseGuestSpec(text: string): GuestSpec {
  const [first = '', ...others] = text.split(',');
  const named = !first.includes('=');
  const preset = named ? first : DEFAULT_PRESET;
  if (!Object.hasOwn(PRESETS, preset))
    throw badArgument(`unknown guest "${preset}": expected one of ${Object.keys(PRESETS).join(', ')}`);
  let settings = PRESETS[preset]!;
  const seen = new Set<string>();
  for (const item of named ? others : [first, ...others]) {
    const [key, change] = parseSetting(item);
    if (seen.has(key)) throw badArgument(`${key}: given twice`);
    seen.add(key);
    settings = { ...settings, ...change };
  }
  return syntheticGuest({ name: text, ...settings });
}

function parseSetting(item: string): [key: string, change: Partial<Settings>] {
  const at = item.indexOf('=');
  if (at < 1) throw badArgument(`"${item}": expected KEY=VALUE`);
  const key = item.slice(0, at);
  const value = item.slice(at + 1);
  if (!Object.hasOwn(KEYS, key))
    throw badArgument(`unknown key "${key}": expected one of ${Object.keys(KEYS).join(', ')}`);
  const refuse = (expected: string): never => {
    throw badArgument(`${key}: expected ${expected}, got "${value}"`);
  };
  return [key, KEYS[key]!(value, refuse)];
}

function parseSize(text: string, refuse: Refuse): number {
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text);
  const bytes = match ? Number(match[1]) * 1024 ** ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ') : 0;
  if (bytes >= MIN_BYTES && bytes <= MAX_BYTES && bytes % PAGE_BYTES === 0) return bytes;
  return refuse(`256K … 1024T in whole pages of ${PAGE_BYTES} bytes, as 256M, 4G or 1T`);
}

function parseNumber(text: string, min: number, max: number, refuse: Refuse): number {
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : refuse(`${min} … ${max}`);
}

function parseWhole(text: string, min: number, max: number, refuse: Refuse): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : refuse(`a whole number, ${min} … ${max}`);
}

function parseShare(text: string, refuse: Refuse): number {
  return parseNumber(text, 0, 1, () => refuse('a fraction, 0 … 1'));
}

function oneOf<T extends string>(text: string, known: readonly T[], refuse: Refuse): T {
  return known.find((one) => one === text) ?? refuse(`one of ${known.join(', ')}`);
}

function parseMix(text: string, refuse: Refuse): Settings['mix'] {
  const wrong = () => refuse(`KIND:SHARE, as text:0.3+zero:0.7; kinds: ${CONTENTS.join(', ')}`);
  const mix: Partial<Record<Content, number>> = {};
  for (const part of text.split('+')) {
    const [name, share, ...rest] = part.split(':');
    const kind = CONTENTS.find((known) => known === name);
    if (kind === undefined || share === undefined || rest.length > 0 || mix[kind] !== undefined)
      return wrong();
    mix[kind] = parseNumber(share, 0, 1, wrong);
  }
  return Object.values(mix).some((share) => share > 0) ? mix : wrong();
}

function parsePhases(text: string, refuse: Refuse): Settings['phases'] {
  const phases = text.split('+').map((part) => {
    const match = /^(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)$/.exec(part);
    return { ms: Number(match?.[1]), factor: Number(match?.[2]) };
  });
  // With factors of 0 only, the time of the next write would never be found.
  const valid =
    phases.every(({ ms, factor }) => ms > 0 && factor >= 0) && phases.some(({ factor }) => factor > 0);
  return valid ? phases : refuse('MSxFACTOR, as 800x0.1+400x4, not all factors 0');
}
