// The page index against JavaScript's Map, in the engine's operation: look up each page's digest and insert
// it if it is new. All start from 16-byte digests in the kernels' memory, as the engine does, so a Map has to
// make its key from them; the time without that is printed too. The index has the size that the engine
// chooses for the number of pages: at the end half of its entries are used.
import { Arena, PageIndex } from '../build/internal.mjs';
import { fillRandom, print, printTable, readOptions, verdict, writeRows } from './kernels/suite.mjs';
import { race } from './race.mjs';

const MILLION = 1 << 20;
const DIGEST_BYTES = 16;
/** Pages per call: a chunk of 4 MiB, as in the engine. */
const RUN = 1024;
/** Maximum number of lookups per run; their order differs from that of the inserts. */
const MAX_LOOKUPS = MILLION / 4;
const TARGET = 20;
const OPERATIONS = ['new', 'known'];

export async function run(argv) {
  const { quick, json } = readOptions(argv);
  const rows = [];
  for (const millions of [1, 4]) rows.push(...(await measure((millions * MILLION) / (quick ? 16 : 1), 5)));
  writeRows(json, rows);
}

async function measure(entries, rounds) {
  const table = await createTable(entries);
  const contestants = [inRuns(table), onePageACall(table), ...maps(table)];
  const results = new Map();
  let lost = 0;
  for (const operation of OPERATIONS) {
    const lanes = contestants.map((contestant) => ({
      name: contestant.name,
      count: contestant.counts[operation],
      ...contestant[operation],
    }));
    for (const result of await race(lanes, { rounds })) results.set(`${result.name} ${operation}`, result);
    // Check the digests that were just inserted.
    if (operation === 'new')
      lost = Math.max(...contestants.filter((one) => one.find).map((one) => verify(one, table)));
  }
  return report(entries, contestants, results, lost);
}

/**
 * Create the index and digests: those inserted, some of them in another order, and digests not in the index.
 */
async function createTable(entries) {
  const lookups = Math.min(entries, MAX_LOOKUPS);
  const arena = new Arena();
  const section = (count, name) => ({ at: arena.slot(name, count * DIGEST_BYTES), count });
  const [inserted, hits, misses] = [
    section(entries, 'inserted'),
    section(lookups, 'hits'),
    section(lookups, 'misses'),
  ];
  const index = new PageIndex(arena, 4096, entries, 8, RUN);
  const classes = arena.slot('classes', 2 * RUN);
  const kernels = await arena.allocate();
  const words = ({ at, count }) => kernels.words.subarray(at >>> 2, (at >>> 2) + 4 * count);
  fillRandom(words(inserted), 1);
  fillRandom(words(misses), 2);
  // An odd step reaches every entry of a power of two, in an order unlike that of the inserts.
  const pages = Uint32Array.from({ length: lookups }, (_, i) => (Math.imul(i, 2654435761) >>> 0) % entries);
  const from = words(inserted);
  const to = words(hits);
  pages.forEach((page, i) => {
    to.set(from.subarray(4 * page, 4 * page + 4), 4 * i);
  });
  return { kernels, index, classes, inserted, hits, misses };
}

/**
 * Look up every digest; return the count of wrong results. A Map must find each. The index may drop some
 * entries and may return another page with the same tag (the engine then compares bytes); too many of either
 * end the bench.
 */
function verify({ name, find, isLossy }, { inserted, misses }) {
  let missing = 0;
  let mistaken = 0;
  for (let i = 0; i < inserted.count; i++) {
    const page = find(inserted.at + DIGEST_BYTES * i);
    if (page === undefined) missing++;
    else if (page !== i) mistaken++;
  }
  for (let i = 0; i < misses.count; i++) if (find(misses.at + DIGEST_BYTES * i) !== undefined) mistaken++;
  const limits = isLossy ? [0.03, 0.001] : [0, 0];
  const shares = [missing / inserted.count, mistaken / (inserted.count + misses.count)];
  if (shares.some((share, i) => share > limits[i]))
    throw new Error(`${name}: ${missing} pages missing, ${mistaken} wrong`);
  return missing + mistaken;
}

function countsOf({ inserted, hits }) {
  return { new: inserted.count, known: hits.count };
}

/** The sum of results, so that no lookup can be optimised away. */
const kept = { sum: 0 };

/** As in the engine: one call for a run of pages, then each page's result is read. */
function inRuns({ kernels, index, classes, ...table }) {
  const take = ({ at, count }) => {
    for (let first = 0; first < count; first += RUN) {
      index.addRun(at + DIGEST_BYTES * first, classes, RUN, 0, first);
      for (let i = 0; i < RUN; i++) if (index.wasSeen(i)) kept.sum += index.hit.page;
    }
  };
  return {
    name: 'our index',
    isLossy: true,
    counts: countsOf(table),
    new: { before: () => empty(kernels, index), run: () => take(table.inserted) },
    known: { run: () => take(table.hits) },
    find: (digest) => (index.find(digest) ? index.hit.page : undefined),
  };
}

function empty({ run }, { index, bucketCount }) {
  run.indexInit(index, bucketCount);
}

function onePageACall({ kernels, index, ...table }) {
  const take = ({ at, count }) => {
    for (let i = 0; i < count; i++) {
      const digest = at + DIGEST_BYTES * i;
      if (index.find(digest)) kept.sum += index.hit.page;
      else index.insert(digest, 0, i);
    }
  };
  return {
    name: 'our index, one call per page',
    counts: countsOf(table),
    new: { before: () => empty(kernels, index), run: () => take(table.inserted) },
    known: { run: () => take(table.hits) },
  };
}

/** Functions that make a Map key from a digest's first 8 bytes. */
function keyMakers({ bytes }) {
  const longs = new BigUint64Array(bytes.buffer);
  const buffer = Buffer.from(bytes.buffer);
  return {
    'Map<bigint>': (digest) => longs[digest / 8],
    'Map<string>': (digest) => buffer.latin1Slice(digest, digest + 8),
  };
}

function maps(table) {
  return Object.entries(keyMakers(table.kernels)).flatMap(([name, keyOf]) => mapPair(name, keyOf, table));
}

/** Two contestants that share a Map: one makes keys from digests, the other has them ready. */
function mapPair(name, keyOf, table) {
  const { inserted, hits } = table;
  let map = new Map();
  const before = () => {
    map = new Map();
  };
  const keys = ({ at, count }) => Array.from({ length: count }, (_, i) => keyOf(at + DIGEST_BYTES * i));
  const ready = { inserted: keys(inserted), hits: keys(hits) };
  const take = ({ at, count }) => {
    for (let i = 0; i < count; i++) {
      const key = keyOf(at + DIGEST_BYTES * i);
      const page = map.get(key);
      if (page === undefined) map.set(key, i);
      else kept.sum += page;
    }
  };
  const takeReady = (list) => {
    for (let i = 0; i < list.length; i++) {
      const page = map.get(list[i]);
      if (page === undefined) map.set(list[i], i);
      else kept.sum += page;
    }
  };
  return [
    {
      name,
      counts: countsOf(table),
      new: { before, run: () => take(inserted) },
      known: { run: () => take(hits) },
      find: (digest) => map.get(keyOf(digest)),
    },
    {
      name: `${name}, keys ready`,
      counts: countsOf(table),
      new: { before, run: () => takeReady(ready.inserted) },
      known: { run: () => takeReady(ready.hits) },
    },
  ];
}

function report(entries, contestants, results, lost) {
  print(`\n${entries} entries, table half full: ns per operation (× time of our index)`);
  const rows = contestants.flatMap(({ name }) =>
    OPERATIONS.map((operation) => {
      const { perSecond, spread } = results.get(`${name} ${operation}`);
      const ratio = results.get(`our index ${operation}`).perSecond / perSecond;
      return {
        suite: 'index',
        entries,
        operation,
        contestant: name,
        nsPerOperation: 1e9 / perSecond,
        spread,
        ratio,
      };
    }),
  );
  const of = (name, operation) => rows.find((row) => row.contestant === name && row.operation === operation);
  const cell = ({ nsPerOperation, ratio }) => `${nsPerOperation.toFixed(1)} (${ratio.toFixed(1)} x)`;
  printTable(
    ['', ...OPERATIONS],
    contestants.map(({ name }) => [name, ...OPERATIONS.map((operation) => cell(of(name, operation)))]),
  );
  print(`  missing or wrong in our index: ${((100 * lost) / entries).toFixed(4)} % of the entries`);
  for (const operation of OPERATIONS) {
    const row = of('Map<bigint>', operation);
    const { text, ...result } = verdict(row.ratio, TARGET);
    Object.assign(row, result);
    print(`  ${operation}: ${row.ratio.toFixed(1)} × the speed of Map<bigint>, ${text}`);
  }
  for (const row of rows) if (row.contestant === 'our index') row.lostShare = lost / entries;
  return rows;
}
