// Page sets by kind. Synthetic kinds are seeded; real ones come from this machine: the node binary's machine
// code, a running process, the memory of SQLite in WebAssembly. Real pages are shuffled, so that any part of
// a set is representative.
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { shopRounds } from '../../examples/support/sql-shop.mjs';
import { findImages, tracesIn } from '../images.mjs';
import { shuffler } from '../race.mjs';
import { seeded } from '../seeded.mjs';
import { guestPages } from './guest-pages.mjs';

const PAGE_BYTES = 4096;
/** Real memory contains many zero pages, which no codec receives. */
const ZEROS = new Uint8Array(PAGE_BYTES);
const isZero = (page) => Buffer.compare(page, ZEROS) === 0;

/** Synthetic kinds: functions `(page as Uint32Array, random)` that fill a page of zeros. */
const SYNTHETIC = {
  zero: () => {},
  sparse: (words, random) => {
    for (let n = 8 + (random() % 56); n > 0; n--)
      words[random() % words.length] = random() >>> (random() % 24);
  },
  pointers: (words, random) => {
    // A table of 64-bit pointers into one heap; every fourth word is a length or a flag.
    const heap = 0x7f00 + (random() % 16);
    for (let i = 0; i + 1 < words.length; i += 2) {
      const isPointer = random() % 4 > 0;
      words[i] = isPointer ? 0x5c000000 + ((random() % 0x80000) << 3) : random() % 512;
      words[i + 1] = isPointer ? heap : 0;
    }
  },
  random: (words, random) => {
    for (let i = 0; i < words.length; i++) words[i] = random();
  },
};

/**
 * Load the page sets. `kinds` are their names, `changed` the names of those with a previous version of each
 * page, `guests` those of traces, one a guest; `skipped` has the reason for each kind that is not available
 * here.
 */
export async function openCorpora(traces) {
  const real = { text: sourceText(), code: machineCode(process.execPath) };
  const skipped = {};
  const versions = { wasm: await sqliteMemory() };
  try {
    versions.process = await processMemory(traces);
  } catch (error) {
    skipped.process = error.message;
  }
  for (const [kind, [, later]] of Object.entries(versions))
    real[kind] = later.filter((page) => !isZero(page));
  const shuffle = shuffler(1);
  for (const kind of Object.keys(real)) real[kind] = shuffle(real[kind]);
  const guests = [];
  for (const [name, files] of Object.entries(traces ? tracesIn(traces) : {})) {
    guests.push(`guest ${name}`);
    real[`guest ${name}`] = guestPages(files.at(-1));
  }
  const kinds = ['zero', 'sparse', 'text', 'pointers', 'code', 'random', 'process', 'wasm'].filter(
    (kind) => !skipped[kind],
  );
  const changed = ['dirty 1 %', 'dirty 10 %', 'dirty 50 %', ...Object.keys(versions)];
  return { kinds, changed, guests, skipped, fill, fillChanged };

  /** Fill `bytes`, a view of whole pages. */
  function fill(kind, bytes) {
    const count = bytes.length / PAGE_BYTES;
    if (SYNTHETIC[kind]) {
      const random = seeded(1);
      bytes.fill(0);
      for (let i = 0; i < count; i++)
        SYNTHETIC[kind](
          new Uint32Array(bytes.buffer, bytes.byteOffset + i * PAGE_BYTES, PAGE_BYTES / 4),
          random,
        );
      return;
    }
    for (let i = 0; i < count; i++) bytes.set(real[kind][i % real[kind].length], i * PAGE_BYTES);
  }

  /**
   * Fill pages and their previous versions. Kinds 'dirty N %' change that share of a process's 32-bit words;
   * 'process' and 'wasm' are pages that a program changed between two snapshots.
   */
  function fillChanged(kind, before, after) {
    const share = /^dirty (\d+) %$/.exec(kind)?.[1];
    if (share) {
      fill(skipped.process ? 'wasm' : 'process', before);
      after.set(before);
      const random = seeded(2);
      const words = new Uint32Array(after.buffer, after.byteOffset, after.length / 4);
      const change = Math.floor((Number(share) / 100) * 2 ** 32);
      for (let i = 0; i < words.length; i++) if (random() < change) words[i] ^= random();
      return;
    }
    const [earlier, later] = versions[kind];
    const changed = later.flatMap((page, i) =>
      earlier[i] && Buffer.compare(page, earlier[i]) !== 0 ? [i] : [],
    );
    if (changed.length === 0) throw new Error(`${kind}: no page changed between two snapshots`);
    const count = after.length / PAGE_BYTES;
    for (let i = 0; i < count; i++) {
      const from = changed[i % changed.length];
      before.set(earlier[from], i * PAGE_BYTES);
      after.set(later[from], i * PAGE_BYTES);
    }
  }
}

function pagesOf(bytes) {
  return Array.from({ length: Math.floor(bytes.length / PAGE_BYTES) }, (_, i) =>
    bytes.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES),
  );
}

/** Program text that is in every clone. */
function sourceText() {
  return pagesOf(readFileSync(createRequire(import.meta.url).resolve('typescript')));
}

/** 16 MiB from the middle of a program file. */
function machineCode(file) {
  return pagesOf(readPart(file, 16 << 20));
}

function readPart(file, bytes) {
  const fd = openSync(file);
  try {
    const size = fstatSync(fd).size;
    const part = new Uint8Array(Math.min(bytes, size));
    const from = Math.floor((size - part.length) / 2 / PAGE_BYTES) * PAGE_BYTES;
    return part.subarray(0, readSync(fd, part, 0, part.length, from));
  } finally {
    closeSync(fd);
  }
}

/**
 * Pages of two snapshots of the first image series: of the traces, or of a process that this suite starts.
 */
async function processMemory(traces) {
  const { series, clean } = await findImages(traces);
  try {
    const [files] = Object.values(series);
    if (!files || files.length < 2) throw new Error('fewer than two snapshots of one machine');
    return pagesInUse(files.slice(0, 2));
  } finally {
    clean();
  }
}

/** Read up to 48 MiB at equal offsets from both images, evenly spread over the nonzero pages of the first. */
function pagesInUse(files) {
  const [earlier, later] = files.map((file) => openSync(file));
  try {
    const page = new Uint8Array(PAGE_BYTES);
    const inUse = [];
    const pages = Math.floor(Math.min(fstatSync(earlier).size, fstatSync(later).size) / PAGE_BYTES);
    for (let i = 0; i < pages; i++) {
      readSync(earlier, page, 0, PAGE_BYTES, i * PAGE_BYTES);
      if (!isZero(page)) inUse.push(i);
    }
    const step = Math.max(1, inUse.length / (48 * 256));
    const pageNumbers = Array.from(
      { length: Math.floor(inUse.length / step) },
      (_, i) => inUse[Math.floor(i * step)],
    );
    return [earlier, later].map((fd) =>
      pageNumbers.map((place) => {
        const copy = new Uint8Array(PAGE_BYTES);
        readSync(fd, copy, 0, PAGE_BYTES, place * PAGE_BYTES);
        return copy;
      }),
    );
  } finally {
    closeSync(earlier);
    closeSync(later);
  }
}

/** SQLite's linear memory before and after a transaction that updates 1 % of the rows. */
async function sqliteMemory() {
  const images = [];
  for await (const { bytes } of shopRounds()) {
    images.push(bytes);
    if (images.length === 3) break;
  }
  return images.slice(1).map(pagesOf);
}
