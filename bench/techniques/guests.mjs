// Guests of the kinds that the papers describe, and the guests on which all techniques are compared.
import { syntheticGuest, wasmProgramGuest } from '../../dist/simulate.js';

const MIB = 1 << 20;

/** Default parameters. */
const SERVER = {
  bytes: 256 * MIB,
  writesPerSecond: 4000,
  readsPerWrite: 3,
  pattern: 'hot',
  hotShare: 0.03,
  hotWrites: 0.9,
  writeUnit: 'words',
  mix: { zero: 0.35, text: 0.2, pointers: 0.25, code: 0.1, random: 0.1 },
  freeShare: 0.1,
  cacheShare: 0.2,
  duplicateShare: 0.05,
  phases: [],
  samplePages: 65536,
};

function guest(name, options, mebibytes) {
  return syntheticGuest({ ...SERVER, ...options, bytes: mebibytes * MIB, name });
}

/** Kind of guest that each technique was made for, and the results of its paper. */
export const CLAIMS = [
  { technique: 'time-series', kind: 'hot', paper: 'no figure verified' },
  { technique: 'optimised-pre-copy', kind: 'hot', paper: 'no figure verified' },
  { technique: 'page-bitmap', kind: 'hot', paper: '34 % less data, 32.5 % less time' },
  { technique: 'shared-storage', kind: 'cache', paper: 'over 30 % less time, up to 60 %' },
  { technique: 'second-chance', kind: 'hot', paper: 'no figure verified' },
  { technique: 'memory-reuse', kind: 'return', paper: '87 % of unnecessary energy; much less data' },
  { technique: 'log-records', kind: 'writes', paper: 'no figure verified' },
  {
    technique: 'me2',
    kind: 'free',
    paper: '50.5 % less data, 48.2 % less time, 47.6 % less downtime',
  },
  { technique: 'xbrle', kind: 'writes', paper: 'downtime to a hundredth in a benchmark' },
  { technique: 'post-copy', kind: 'hot', paper: 'each page once; faults within 21 % of the working set' },
  {
    technique: 'mecom',
    kind: 'server',
    paper: '68.8 % less data, 32 % less time, 27.1 % less downtime',
  },
  { technique: 'bitmap-matrix', kind: 'hot', paper: 'no figure verified' },
  { technique: 'consolidation', kind: 'bursts', paper: 'no figure verified' },
  {
    technique: 'mdd',
    kind: 'alike',
    paper: '56.6 % less data, 34.9 % less time, 26.2 % less downtime',
  },
  { technique: 'alteration-probability', kind: 'hot', paper: 'no figure verified' },
];

const KINDS = {
  server: ['server: 4,000 writes/s, most to 3 % of the memory', {}],
  hot: ['30,000 writes/s, 90 % to 5 % of the memory', { writesPerSecond: 30_000, hotShare: 0.05 }],
  cache: ['60 % of the memory on a disk that both hosts read', { cacheShare: 0.6, freeShare: 0.05 }],
  return: ['return visit, 20 % of the pages changed', { changedSinceVisit: 0.2 }],
  writes: [
    '100,000 small writes/s to 15 % of the memory',
    { writesPerSecond: 100_000, hotShare: 0.15, hotWrites: 0.95 },
  ],
  free: ['half of the memory free', { freeShare: 0.5, writesPerSecond: 8000 }],
  alike: ['a fifth of the pages duplicates', { duplicateShare: 0.2 }],
  bursts: [
    'idle for 2 s, busy for 1 s, in turn',
    {
      phases: [
        { ms: 2000, factor: 0.02 },
        { ms: 1000, factor: 3 },
      ],
    },
  ],
};

/** Returns the guest of a kind, and its description. */
export function kindOfGuest(kind, mebibytes) {
  const [description, options] = KINDS[kind];
  return { description, guest: guest(kind, options, mebibytes) };
}

/** Returns the guests on which all techniques are compared. */
export function matrixGuests(mebibytes) {
  return [
    guest('server', {}, mebibytes),
    guest('write-heavy', { writesPerSecond: 60_000, hotShare: 0.2, hotWrites: 0.9 }, mebibytes),
    guest('cache-heavy', { cacheShare: 0.6, freeShare: 0.05, writesPerSecond: 2000 }, mebibytes),
    wasmProgramGuest(),
  ];
}
