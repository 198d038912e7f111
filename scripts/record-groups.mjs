// Records what packing costs on real pages, for the machine model of the tests: one table a guest in
// testing/machine/groups/. A row is a group of about 1 MiB: bytes of image that it covers (zero and equal
// pages included), bytes of the group, the estimate that strategies see, then CPU ms and packed bytes of
// every option: those of Node's zstd (`zstd:LEVEL`), and those of the kernels (`zstd-wasm:LEVEL`).
//
//   node scripts/record-groups.mjs [--out DIR] [--groups N] [NAME=IMAGE...]   raw files, ELF cores
//
// Needs Linux with glibc, Node 24 (zstd in node:zlib) and a build; some minutes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import zlib from 'node:zlib';
import koffi from 'koffi';
import { readImage } from '../bench/workloads/files.mjs';
import { chooseWorkloads, collectImages } from '../bench/workloads/index.mjs';
import { Arena, createCodecContext, LAYOUT, packedLz4Capacity, packLz4 } from '../build/internal.mjs';

const PAGE_BYTES = 4096;
const GROUP_BYTES = 1 << 20;
const SAMPLE_EVERY = 16;
/** Groups are recorded in runs of this many, spread evenly over the image. */
const RUN_GROUPS = 8;
const ROUNDS = 3;
const MEBIBYTES = 128;
const BUILT_IN = ['database', 'physics', 'cache-heavy', 'encrypted', 'mixed:database+cache-heavy'];
const LEVELS = [1, 3, 5, 7, 9, 10, 11, 12];
const KERNEL_LEVELS = [1, 3, 4, 5, 6, 7, 9];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'testing/machine/groups' },
    groups: { type: 'string', default: '64' },
  },
});
const CLOCK_THREAD_CPUTIME_ID = 3;
const clockGettime = koffi.load('libc.so.6').func('int clock_gettime(int, int64_t *)');
const time = new BigInt64Array(2);

/** CPU time of this thread: `process.threadCpuUsage` counts it in steps of some ms. */
function threadCpuMs() {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}

const maxGroups = Number(values.groups);

const arena = new Arena();
const context = createCodecContext(arena);
const input = arena.slot('group', GROUP_BYTES + PAGE_BYTES);
const output = arena.slot('packed', packedLz4Capacity(GROUP_BYTES + PAGE_BYTES));
const profile = arena.slot('profile', LAYOUT.PROFILE_BYTES);
const digest = arena.slot('digest', 16);
const kernels = await arena.allocate();

/** Return the groups of an image: pages that are neither zero nor equal to an earlier one. */
function groupsOf(image) {
  const groups = [];
  const seen = new Set();
  let pages = [];
  let from = 0;
  for (let at = 0; at + PAGE_BYTES <= image.length; at += PAGE_BYTES) {
    const page = image.subarray(at, at + PAGE_BYTES);
    kernels.bytes.set(page, input);
    kernels.run.hash128(input, PAGE_BYTES, 0, 0, digest);
    const key = kernels.words.subarray(digest >>> 2, (digest >>> 2) + 4).join();
    if (!seen.has(key) && page.some((byte) => byte !== page[0])) pages.push(page);
    seen.add(key);
    if (pages.length * PAGE_BYTES < GROUP_BYTES) continue;
    groups.push({ imageBytes: at + PAGE_BYTES - from, bytes: Buffer.concat(pages) });
    pages = [];
    from = at + PAGE_BYTES;
  }
  return groups;
}

/** Return at most `maxGroups` groups, in runs of neighbours from all over the image. */
function spread(groups) {
  if (groups.length <= maxGroups) return groups;
  const runs = Math.floor(maxGroups / RUN_GROUPS);
  const starts = Array.from({ length: runs }, (_, i) =>
    Math.floor((i * (groups.length - RUN_GROUPS)) / (runs - 1)),
  );
  return starts.flatMap((start) => groups.slice(start, start + RUN_GROUPS));
}

function estimate(bytes) {
  let estimated = 0;
  let sampled = 0;
  for (let at = 0; at + PAGE_BYTES <= bytes; at += SAMPLE_EVERY * PAGE_BYTES) {
    kernels.run.profilePage(input + at, 0, PAGE_BYTES, profile);
    estimated += kernels.words[(profile + LAYOUT.PROFILE_ESTIMATED_BYTES) >>> 2];
    sampled += PAGE_BYTES;
  }
  return Math.round((bytes * estimated) / sampled);
}

/** Return the lowest CPU time of a few runs, and the packed bytes. */
function measured(pack) {
  let lowest = Infinity;
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const from = threadCpuMs();
    bytes = pack();
    lowest = Math.min(lowest, threadCpuMs() - from);
  }
  return [lowest, bytes];
}

/** Pack a group with every option: stored bytes are only checked. */
function row({ imageBytes, bytes }) {
  const { length } = bytes;
  kernels.bytes.set(bytes, input);
  const check = (at, count) => kernels.run.hash64(at, count, 0, 0, digest);
  const options = [
    measured(() => {
      check(input, length);
      return length;
    }),
    measured(() => {
      const packed = packLz4(context, input, length, output);
      check(output, packed);
      return Math.min(packed || length, length);
    }),
    ...LEVELS.map((level) =>
      measured(() => {
        const params = { [zlib.constants.ZSTD_c_compressionLevel]: level };
        const packed = zlib.zstdCompressSync(bytes, { params, pledgedSrcSize: length }).length;
        check(input, Math.min(packed, length));
        return Math.min(packed, length);
      }),
    ),
    ...KERNEL_LEVELS.map((level) =>
      measured(() => {
        const { zstdScratch } = context;
        const packed = kernels.zstd.zstdEncode(input, length, output, length - 1, level, 0, zstdScratch);
        const isStored = packed < 0;
        check(isStored ? input : output, isStored ? length : packed);
        return isStored ? length : packed;
      }),
    ),
  ];
  return [
    imageBytes,
    length,
    estimate(length),
    ...options.flatMap(([ms, packed]) => [ms.toFixed(2), packed]),
  ];
}

function record(name, image) {
  const groups = spread(groupsOf(image));
  const names = [
    'raw',
    'lz4',
    ...LEVELS.map((level) => `zstd:${level}`),
    ...KERNEL_LEVELS.map((level) => `zstd-wasm:${level}`),
  ];
  const head = ['imageBytes', 'bytes', 'estimatedBytes', ...names.flatMap((one) => [`${one} ms`, one])];
  // The first calls pay for the compilation of the code.
  row(groups[0]);
  const lines = [head, ...groups.map(row)].map((cells) => cells.join(','));
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, `${name}.csv`), `${lines.join('\n')}\n`);
  console.log(`${name}: ${groups.length} groups`);
}

const own = positionals.map((text) => text.split('='));
for (const [name, path] of own) record(name, readImage(path));
if (own.length === 0)
  for (const workload of chooseWorkloads({ names: BUILT_IN })) {
    const [image] = await collectImages(workload, { mebibytes: MEBIBYTES, maxImages: 1 });
    record(workload.name.replace(/:.*/, ''), image.bytes);
  }
