// Every kernel against other implementations, by kind of page, on sets that fit the CPU cache and sets that
// do not.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openBuffers } from './kernels/buffers.mjs';
import { raceCodec } from './kernels/codec-race.mjs';
import { codecsOf } from './kernels/codecs.mjs';
import { openCorpora } from './kernels/corpora.mjs';
import { openNative } from './kernels/native.mjs';
import { npmCompressors } from './kernels/npm-compressors.mjs';
import { raceBlake3, raceHash, racePages } from './kernels/page-race.mjs';
import { printRatios, printTargets } from './kernels/report.mjs';
import { badOption, wholeNumber } from './kernels/suite.mjs';
import { CALL_BYTES, raceZstdCalls } from './kernels/zstd-calls.mjs';
import { FRAME_BYTES, raceZstdDecode } from './kernels/zstd-decode.mjs';
import { raceZstdThreads } from './kernels/zstd-threads.mjs';

import { CLOCKS } from './race.mjs';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Set sizes and measurement effort. A sample takes at least `minMs`; peers from npm process only `slowBytes`
 * of a set. Guests' pages differ, so that sets of them are larger.
 */
const FULL = {
  cached: {
    bytes: 256 * KiB,
    slowBytes: 256 * KiB,
    guestBytes: 4 * MiB,
    options: { rounds: 21, minMs: 2 },
  },
  large: { bytes: 64 * MiB, slowBytes: 4 * MiB, options: { rounds: 5, minMs: 0.1 } },
};
const QUICK = {
  cached: {
    bytes: 256 * KiB,
    slowBytes: 64 * KiB,
    guestBytes: 1 * MiB,
    options: { rounds: 1, minMs: 0.01 },
  },
  large: { bytes: 1 * MiB, slowBytes: 64 * KiB, options: { rounds: 1, minMs: 0.01 } },
};

export async function run(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean' },
      json: { type: 'string' },
      traces: { type: 'string' },
      only: { type: 'string', multiple: true },
      corpus: { type: 'string', multiple: true },
      set: { type: 'string', multiple: true },
      clock: { type: 'string', default: 'wall' },
      runs: { type: 'string' },
    },
  });
  if (!Object.hasOwn(CLOCKS, values.clock)) throw badOption('--clock: expected wall or cpu');
  const sizes = values.quick ? QUICK : FULL;
  const wanted = (list, name) => !list || list.some((part) => name.startsWith(part));
  const corpora = await openCorpora(values.traces);
  const native = await openNative();
  for (const [name, reason] of Object.entries({ ...corpora.skipped, ...native.skipped }))
    process.stdout.write(`skipped: ${name}: ${reason}\n`);
  const buffers = await openBuffers(Math.max(sizes.cached.bytes, sizes.large.bytes, MiB));
  const tools = { buffers, native, compressors: await npmCompressors() };
  const rows = [];
  try {
    for (const subject of subjects(tools, corpora)) {
      if (!wanted(values.only, subject.name)) continue;
      const from = rows.length;
      for (const corpus of subject.corpora) {
        if (!wanted(values.corpus, corpus)) continue;
        for (const [set, size] of Object.entries(sizes)) {
          if (!wanted(values.set, set)) continue;
          const rounds = wholeNumber('runs', values.runs, size.options.rounds);
          const options = { ...size.options, rounds, clock: values.clock };
          const found = await subject.race(corpus, { ...size, options });
          rows.push(
            ...found.map((row) => ({
              ...row,
              kernel: subject.name,
              corpus,
              set,
              node: process.versions.node,
            })),
          );
        }
      }
      printRatios(subject.name, rows.slice(from));
    }
  } finally {
    native.close();
  }
  printTargets(rows);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`);
}

/** Everything that is measured: name, kinds of pages, and the function that races it. */
function subjects({ buffers, native, compressors }, corpora) {
  const { functions } = native;
  const pageSubject = (name, raceIt) => ({
    name,
    corpora: corpora.kinds,
    race: (corpus, { bytes, slowBytes, options }) => {
      const set = buffers.set(bytes, 4 * KiB);
      corpora.fill(corpus, set.srcView);
      return raceIt({ name, buffers, set, functions, slowBytes, options });
    },
  });
  const codecSubject = (codec) => ({
    name: codec.name,
    corpora: codec.changed
      ? corpora.changed
      : [...corpora.kinds, ...(codec.name.startsWith('zstd') ? corpora.guests : [])],
    race: (corpus, { bytes, guestBytes, slowBytes, options }) => {
      const setBytes = corpora.guests.includes(corpus) ? (guestBytes ?? bytes) : bytes;
      const set = buffers.set(Math.max(setBytes, codec.pageBytes), codec.pageBytes);
      if (codec.changed) corpora.fillChanged(corpus, set.baseView, set.srcView);
      else corpora.fill(corpus, set.srcView);
      return raceCodec({ codec, set, functions, compressors, slowBytes, options });
    },
  });
  return [
    ...['scan', 'compare', 'profile', 'sketch'].map((name) => pageSubject(name, racePages)),
    pageSubject('xxh3-64', (race) => raceHash({ ...race, bits: 64 })),
    pageSubject('xxh3-128', (race) => raceHash({ ...race, bits: 128 })),
    pageSubject('blake3', raceBlake3),
    ...codecsOf(buffers.kernels.run, buffers.scratch, buffers.zstd).map(codecSubject),
    ...Object.entries({ ...FRAME_BYTES, ...CALL_BYTES }).map(([name, frameBytes]) => ({
      name,
      corpora: [...corpora.kinds, ...corpora.guests],
      race: (corpus, { bytes, guestBytes, slowBytes, options }) => {
        const setBytes = corpora.guests.includes(corpus) ? (guestBytes ?? bytes) : bytes;
        const set = buffers.set(Math.max(setBytes, frameBytes), frameBytes);
        corpora.fill(corpus, set.srcView);
        if (CALL_BYTES[name]) return raceZstdCalls({ set, slowBytes, options });
        const { kernels, zstdScratch: scratch } = buffers;
        return raceZstdDecode({ set, functions, compressors, kernels, scratch, slowBytes, options });
      },
    })),
    {
      name: 'zstd two threads',
      corpora: corpora.guests,
      race: async (corpus, { guestBytes, options }) => {
        if (!guestBytes) return [];
        const pages = new Uint8Array(new SharedArrayBuffer(guestBytes));
        corpora.fill(corpus, pages);
        return raceZstdThreads(corpus, pages, options.rounds);
      },
    },
  ];
}
