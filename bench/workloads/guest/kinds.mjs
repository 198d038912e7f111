// Page contents by kind. Each function fills an extent that was zero.
import { codeWriter } from './code.mjs';
import { textWriter } from './text.mjs';

export const PAGE_BYTES = 4096;
/** Words of a table row: number, timestamp, counter, amount, name. */
export const ROW_WORDS = 32;

/** Return functions `(bytes)` by kind, which share a vocabulary and heap addresses. */
export function pageKinds(random) {
  const below = (limit) => random() % limit;
  const lines = textWriter(random);
  const heap = { high: 0x7f00 + below(16), low: below(1 << 12) << 16 };
  const pointer = (words, at) => {
    words[at] = heap.low + (below(1 << 20) << 4);
    words[at + 1] = heap.high;
  };
  let rows = below(1000);

  return {
    text: (bytes) => writeText(bytes, Object.values(lines)[below(4)]),
    log: (bytes) => writeText(bytes, lines.log),
    code: codeWriter(random),
    heap: (bytes) => writeObjects(wordsOf(bytes), below, pointer),
    structs: (bytes) => writeStructs(wordsOf(bytes), below, heap),
    random: (bytes) => writeRandom(bytes, random),
    packed: (bytes) => writePacked(bytes, random),
    /** Small numbers of similar magnitude. */
    integers(bytes) {
      const words = wordsOf(bytes);
      const shift = 16 + below(14);
      for (let i = 0; i < words.length; i++) words[i] = random() >>> (shift + below(32 - shift));
    },
    counters(bytes) {
      const words = wordsOf(bytes);
      for (let i = 0; i < words.length; i += 2) words[i] = below(4) ? below(100_000) : 0;
    },
    rows(bytes) {
      const words = wordsOf(bytes);
      for (let i = 0; i + ROW_WORDS <= words.length; i += ROW_WORDS) writeRow(words, i, rows++, lines, below);
    },
    /** A thread's stack, used at its end. */
    stack(bytes) {
      const words = wordsOf(bytes);
      for (let i = words.length - 2 - 2 * below(words.length / 4); i < words.length; i += 2)
        if (below(3)) pointer(words, i);
        else words[i] = below(256);
    },
  };
}

export function wordsOf(bytes) {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function writeText(bytes, line) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < buffer.length; ) at += buffer.write(line(), at, 'latin1');
}

/** Write objects of one class one after another, with free slots, as allocators do. */
function writeObjects(words, below, pointer) {
  const fields = Array.from({ length: 2 * (1 + below(12)) }, () => below(6));
  const fillings = [
    pointer,
    pointer,
    (all, at) => (all[at] = below(256)),
    (all, at) => (all[at] = below(8) ? 1 : 2 + below(30)),
    (all, at) => (all[at] = (below(65536) << 16) | below(65536)),
    () => {},
  ];
  for (let at = 0; at + 2 * fields.length <= words.length; at += 2 * fields.length) {
    if (below(8) === 0) continue;
    for (const [i, field] of fields.entries()) fillings[field](words, at + 2 * i);
  }
}

/** Write structures of a kernel, one per page or file, which differ in a link and a count. */
function writeStructs(words, below, heap) {
  const flags = 0x0017fffe ^ below(64);
  for (let i = 0; i + 16 <= words.length; i += 16) {
    words[i] = below(10) ? flags : flags ^ (1 << below(12));
    words[i + 2] = heap.low + 64 * (i + 1);
    words[i + 3] = heap.high;
    words[i + 4] = heap.low + 64 * (i > 0 ? i - 1 : 0);
    words[i + 5] = heap.high;
    words[i + 8] = below(6) ? 0 : below(5000);
    words[i + 12] = below(5) ? 0xffffffff : below(4);
    words[i + 13] = 1 + (below(8) === 0 ? below(4) : 0);
  }
}

function writeRow(words, at, number, lines, below) {
  words[at] = number;
  words[at + 1] = 1_700_000_000 + number * 3 + below(3);
  words[at + 2] = below(50);
  words[at + 3] = below(100_000);
  words[at + 4] = below(8);
  const name = Buffer.from(words.buffer, words.byteOffset + 4 * (at + 8), 4 * (ROW_WORDS - 8));
  name.write(lines.prose(), 0, 16 + below(60), 'latin1');
}

function writeRandom(bytes, random) {
  const words = wordsOf(bytes);
  for (let i = 0; i < words.length; i++) words[i] = random();
}

/** Write compressed files: blocks of random bytes, each with a header. */
function writePacked(bytes, random) {
  writeRandom(bytes, random);
  const words = wordsOf(bytes);
  for (let at = 0; at + 8 < words.length; at += 8192 + (random() % 8192))
    words.set([0x04034b50, 0x00080014, random() & 0xffff, random(), 8192, 32768, 12, 0], at);
}
