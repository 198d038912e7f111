// The fingerprint index against JavaScript's Map, at what the engine does with it: each page's digest is
// looked for and, when it is new, put down. All start from 16-byte page digests in the kernels' memory, as
// the engine has them, so a Map has to make its key from them; with keys made beforehand is told too. The
// index has the room that the engine gives it for so many pages: at the end half of its entries are taken.
import { bundled, loadKernels } from './kernels/load.mjs';
import { fillRandom, print, printTable, readOptions, verdict, writeRows } from './kernels/suite.mjs';
import { race } from './race.mjs';

const MILLION = 1 << 20;
const DIGEST_BYTES = 16;
/** The engine takes in a chunk of 4 MiB in one call. */
const RUN = 1024;
/** Lookups a run, in another order than the inserts: of a large table, a part. */
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
    // What was inserted last must be there now.
    if (operation === 'new')
      lost = Math.max(...contestants.filter((one) => one.find).map((one) => verify(one, table)));
  }
  return report(entries, contestants, results, lost);
}

/** Digests: those that go in, some of them in another order, and others. */
async function createTable(entries) {
  const lookups = Math.min(entries, MAX_LOOKUPS);
  const kernels = await loadKernels(entries * 16 + (entries + 2 * lookups) * DIGEST_BYTES + (1 << 20));
  const section = (count, what) => ({ at: kernels.reserve(count * DIGEST_BYTES, what), count });
  const [inserted, hits, misses] = [
    section(entries, 'inserted'),
    section(lookups, 'hits'),
    section(lookups, 'misses'),
  ];
  const words = ({ at, count }) => kernels.words.subarray(at >>> 2, (at >>> 2) + 4 * count);
  fillRandom(words(inserted), 1);
  fillRandom(words(misses), 2);
  // A step that has no factor in common with a power of two comes by every entry, in no order that a Map
  // keeps.
  const pages = Uint32Array.from({ length: lookups }, (_, i) => (Math.imul(i, 2654435761) >>> 0) % entries);
  const from = words(inserted);
  const to = words(hits);
  pages.forEach((page, i) => {
    to.set(from.subarray(4 * page, 4 * page + 4), 4 * i);
  });
  const { PageIndex } = await bundled('src/dedup/page-index.ts');
  const index = new PageIndex(kernels, 4096, entries, 8, RUN);
  const classes = kernels.reserve(2 * RUN, 'classes');
  return { kernels, index, classes, inserted, hits, misses };
}

/**
 * Every inserted digest is looked for. A Map must know each; our index may forget some, and give another page
 * of the same tag for a few, whose bytes would then differ: returns both together. More than a few end the
 * bench.
 */
function verify({ name, find, mayForget }, { inserted, misses }) {
  let forgotten = 0;
  let mistaken = 0;
  for (let i = 0; i < inserted.count; i++) {
    const page = find(inserted.at + DIGEST_BYTES * i);
    if (page === undefined) forgotten++;
    else if (page !== i) mistaken++;
  }
  for (let i = 0; i < misses.count; i++) if (find(misses.at + DIGEST_BYTES * i) !== undefined) mistaken++;
  const most = mayForget ? [0.03, 0.001] : [0, 0];
  const shares = [forgotten / inserted.count, mistaken / (inserted.count + misses.count)];
  if (shares.some((share, i) => share > most[i]))
    throw new Error(`${name}: ${forgotten} pages forgotten, ${mistaken} mistaken`);
  return forgotten + mistaken;
}

function countsOf({ inserted, hits }) {
  return { new: inserted.count, known: hits.count };
}

/** The sum of what was found is kept, so that no lookup can be left out. */
const kept = { sum: 0 };

/** As the engine does it: a run of pages a call, then each page's place is read. */
function inRuns({ kernels, index, classes, ...table }) {
  const take = ({ at, count }) => {
    for (let first = 0; first < count; first += RUN) {
      index.addRun(at + DIGEST_BYTES * first, classes, RUN, 0, first);
      for (let i = 0; i < RUN; i++) if (index.wasSeen(i)) kept.sum += index.hit.page;
    }
  };
  return {
    name: 'our index',
    mayForget: true,
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
    name: 'our index, a call a page',
    counts: countsOf(table),
    new: { before: () => empty(kernels, index), run: () => take(table.inserted) },
    known: { run: () => take(table.hits) },
  };
}

/** Ways of making a key of a digest's first 8 bytes. */
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

/** One Map, filled from digests, or from keys made beforehand: whichever came last. */
function mapPair(name, keyOf, table) {
  const { inserted, hits } = table;
  let map = new Map();
  const before = () => {
    map = new Map();
  };
  const keys = ({ at, count }) => Array.from({ length: count }, (_, i) => keyOf(at + DIGEST_BYTES * i));
  const made = { inserted: keys(inserted), hits: keys(hits) };
  const take = ({ at, count }) => {
    for (let i = 0; i < count; i++) {
      const key = keyOf(at + DIGEST_BYTES * i);
      const page = map.get(key);
      if (page === undefined) map.set(key, i);
      else kept.sum += page;
    }
  };
  const takeMade = (list) => {
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
      name: `${name}, keys made before`,
      counts: countsOf(table),
      new: { before, run: () => takeMade(made.inserted) },
      known: { run: () => takeMade(made.hits) },
    },
  ];
}

function report(entries, contestants, results, lost) {
  print(`\n${entries} entries in a table half full: ns an operation (times as long as our index)`);
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
  print(`  forgotten or mistaken by our index: ${((100 * lost) / entries).toFixed(4)} % of the entries`);
  for (const operation of OPERATIONS) {
    const row = of('Map<bigint>', operation);
    const { text, ...judged } = verdict(row.ratio, TARGET);
    Object.assign(row, judged);
    print(`  ${operation}: ${row.ratio.toFixed(1)} times as fast as Map<bigint>, ${text}`);
  }
  for (const row of rows) if (row.contestant === 'our index') row.lostShare = lost / entries;
  return rows;
}
