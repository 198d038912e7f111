// The profile, a field at a time, each straight from its definition.

export interface Profile {
  zeroWords: number;
  repeatedWords: number;
  dictionaryWords: number;
  runs: number;
  runBytes: number;
  changedBytes: number;
  changedRuns: number;
  estimatedBytes: number;
  zeroBytes: number;
}

export function profile(page: Uint8Array, base?: Uint8Array): Profile {
  const words = wordsOf(page);
  const zeroWords = words.filter((word) => word === 0).length;
  const repeatedWords = words.filter((word, i) => word !== 0 && i > 0 && word === words[i - 1]).length;
  const dictionaryWords = countDictionaryWords(words);
  return {
    zeroWords,
    repeatedWords,
    dictionaryWords,
    ...countRuns(page),
    ...countChanges(page, base),
    estimatedBytes: estimate(page, zeroWords, repeatedWords, dictionaryWords),
    zeroBytes: page.filter((byte) => byte === 0).length,
  };
}

function wordsOf(page: Uint8Array): number[] {
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  return Array.from({ length: page.length >> 2 }, (_, i) => view.getUint32(4 * i, true));
}

function countDictionaryWords(words: number[]): number {
  const dictionary = new Uint32Array(16);
  let hits = 0;
  for (const word of words) {
    if (word === 0) continue;
    const upper = word >>> 10;
    const entry = (((upper & 255) * 229) >>> 4) & 15;
    if (dictionary[entry] === upper) hits++;
    dictionary[entry] = upper;
  }
  return hits;
}

function countRuns(page: Uint8Array): { runs: number; runBytes: number } {
  let runs = 0;
  let runBytes = 0;
  for (let start = 0, end = 0; start < page.length; start = end) {
    while (end < page.length && page[end] === page[start]) end++;
    if (end - start < 4) continue;
    runs++;
    runBytes += end - start;
  }
  return { runs, runBytes };
}

function countChanges(page: Uint8Array, base?: Uint8Array): { changedBytes: number; changedRuns: number } {
  if (base === undefined) return { changedBytes: page.length, changedRuns: 1 };
  let changedBytes = 0;
  let changedRuns = 0;
  let before = false;
  for (let granule = 0; granule < page.length; granule += 8) {
    let changed = 0;
    for (let i = granule; i < Math.min(granule + 8, page.length); i++) if (page[i] !== base[i]) changed++;
    changedBytes += changed;
    if (changed > 0 && !before) changedRuns++;
    before = changed > 0;
  }
  return { changedBytes, changedRuns };
}

/** Words 2, 9, 18 and 25 of every whole 128 bytes: how many non-zero ones lie in a table of earlier ones. */
function countSeenWords(page: Uint8Array): number {
  const words = wordsOf(page);
  const table = new Uint32Array(256);
  let seen = 0;
  for (let block = 0; block + 32 <= words.length; block += 32) {
    for (const at of [2, 9, 18, 25]) {
      const word = words[block + at]!;
      if (word === 0) continue;
      const entry = Math.imul(word, 0x9e3779b1) >>> 24;
      if (table[entry] === word) seen++;
      table[entry] = word;
    }
  }
  return seen;
}

/** 256 bytes, a stride apart; where strides are long enough, sample i lies i % 16 bytes into its stride. */
function countDifferentValues(page: Uint8Array): number {
  const stride = Math.max(page.length >> 8, 1);
  const values = new Set<number>();
  for (let i = 0; i < Math.min(page.length, 256); i++)
    values.add(page[i * stride + (stride >= 16 ? i % 16 : 0)]!);
  return values.size;
}

function estimate(
  page: Uint8Array,
  zeroWords: number,
  repeatedWords: number,
  dictionaryWords: number,
): number {
  const bytes = page.length;
  let worth = 29 * bytes + Math.floor((bytes * countDifferentValues(page) * 960) / 4096);
  worth += 33 * dictionaryWords - 111 * zeroWords - 57 * repeatedWords - 810 * countSeenWords(page);
  return Math.min(Math.max(Math.floor(worth / 64), (bytes >> 8) + 8), bytes);
}
