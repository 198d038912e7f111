// Every kernel against its peers, on page sets by kind, once in cache and once out of it.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { raceCodec } from './kernels/codec-race.mjs';
import { codecsOf } from './kernels/codecs.mjs';
import { openCorpora } from './kernels/corpora.mjs';
import { openNative } from './kernels/native.mjs';
import { npmCompressors } from './kernels/npm-compressors.mjs';
import { raceHash, racePages } from './kernels/page-race.mjs';
import { printRatios, printTargets } from './kernels/report.mjs';
import { openRoom } from './kernels/room.mjs';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Set sizes, and how thorough: a cached sample takes `minMs`; of a large set a peer from npm takes a part as
 * large as `slowBytes`.
 */
const FULL = {
  cached: { bytes: 256 * KiB, slowBytes: 256 * KiB, options: { rounds: 21, minMs: 2 } },
  large: { bytes: 64 * MiB, slowBytes: 4 * MiB, options: { rounds: 5, minMs: 0.1 } },
};
const QUICK = {
  cached: { bytes: 256 * KiB, slowBytes: 64 * KiB, options: { rounds: 1, minMs: 0.01 } },
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
    },
  });
  const sizes = values.quick ? QUICK : FULL;
  const wanted = (list, name) => !list || list.some((part) => name.startsWith(part));
  const corpora = await openCorpora(values.traces);
  const native = await openNative();
  for (const [name, reason] of Object.entries({ ...corpora.skipped, ...native.skipped }))
    process.stdout.write(`skipped: ${name}: ${reason}\n`);
  const room = await openRoom(Math.max(sizes.cached.bytes, sizes.large.bytes));
  const tools = { room, native, compressors: await npmCompressors() };
  const rows = [];
  try {
    for (const subject of subjects(tools, corpora)) {
      if (!wanted(values.only, subject.name)) continue;
      const from = rows.length;
      for (const corpus of subject.corpora) {
        if (!wanted(values.corpus, corpus)) continue;
        for (const [set, size] of Object.entries(sizes)) {
          if (!wanted(values.set, set)) continue;
          const found = await subject.race(corpus, size);
          rows.push(
            ...found.map((row) => ({
              kernel: subject.name,
              corpus,
              set,
              ...row,
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

/** What is raced: a name, on which kinds of pages, and how. */
function subjects({ room, native, compressors }, corpora) {
  const { functions } = native;
  const pageSubject = (name, raceIt) => ({
    name,
    corpora: corpora.kinds,
    race: (corpus, { bytes, slowBytes, options }) => {
      const set = room.set(bytes, 4 * KiB);
      corpora.fill(corpus, set.srcView);
      return raceIt({ name, room, set, functions, slowBytes, options });
    },
  });
  const codecSubject = (codec) => ({
    name: codec.name,
    corpora: codec.changed ? corpora.changed : corpora.kinds,
    race: (corpus, { bytes, slowBytes, options }) => {
      const set = room.set(bytes, codec.pageBytes);
      if (codec.changed) corpora.fillChanged(corpus, set.baseView, set.srcView);
      else corpora.fill(corpus, set.srcView);
      return raceCodec({ codec, set, functions, compressors, slowBytes, options });
    },
  });
  return [
    ...['scan', 'compare', 'profile', 'sketch'].map((name) => pageSubject(name, racePages)),
    pageSubject('xxh3-64', (race) => raceHash({ ...race, bits: 64 })),
    pageSubject('xxh3-128', (race) => raceHash({ ...race, bits: 128 })),
    ...codecsOf(room.kernels.run, room.scratch).map(codecSubject),
  ];
}
