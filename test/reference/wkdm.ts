import { STATUS } from '../../src/kernels/status.js';

const ZERO = 0;
const PARTIAL = 1;
const MISS = 2;
const EXACT = 3;

const slotOf = (word: number) => ((((word >>> 10) & 255) * 229) >> 4) & 15;
const fits = (bytes: number) => bytes >= 16 && bytes <= 65536 && bytes % 16 === 0;
const sum = (list: readonly number[], tag: number) => list.filter((entry) => entry === tag).length;

/** WKdm, a word at a time: `assembly/codec/wkdm.ts` must write these bytes. */
export function encode(page: Uint8Array): Uint8Array | null {
  if (!fits(page.length)) return null;
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  const dictionary = new Array<number>(16).fill(1);
  const tags: number[] = [];
  const full: number[] = [];
  const lows: number[] = [];
  const indexes: number[] = [];
  for (let at = 0; at < page.length; at += 4) {
    const word = view.getUint32(at, true);
    const slot = slotOf(word);
    const known = dictionary[slot]!;
    if (word === 0) {
      tags.push(ZERO);
      continue;
    }
    if (word === known) {
      tags.push(EXACT);
      indexes.push(slot);
    } else if (word >>> 10 === known >>> 10) {
      tags.push(PARTIAL);
      indexes.push(slot);
      lows.push(word & 1023);
    } else {
      tags.push(MISS);
      full.push(word);
    }
    dictionary[slot] = word;
  }
  const out: number[] = [];
  const put = (word: number) => out.push(word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24);
  for (let i = 0; i < tags.length; i += 16) {
    let word = 0;
    for (const [bit, tag] of tags.slice(i, i + 16).entries())
      word |= ((tag & 1) << bit) | ((tag >> 1) << (16 + bit));
    put(word >>> 0);
  }
  for (const word of full) put(word);
  const third = Math.ceil(lows.length / 3);
  for (let j = 0; j < third; j++)
    put(lows[j]! | ((lows[third + j] ?? 0) << 10) | ((lows[2 * third + j] ?? 0) << 20));
  const half = Math.ceil(indexes.length / 2);
  for (let j = 0; j < half; j++) out.push(indexes[j]! | ((indexes[half + j] ?? 0) << 4));
  return Uint8Array.from(out);
}

/** The page, or a status. */
export function decode(data: Uint8Array, pageBytes: number): Uint8Array | number {
  if (!fits(pageBytes)) return STATUS.OUTPUT_FULL;
  const words = pageBytes / 4;
  const tagBytes = Math.ceil(words / 16) * 4;
  if (data.length < tagBytes) return STATUS.TRUNCATED;
  const bit = (word: number, plane: number) => {
    const place = (word >> 4) * 32 + plane * 16 + (word & 15);
    return (data[place >> 3]! >> (place & 7)) & 1;
  };
  const tags = Array.from({ length: tagBytes * 4 }, (_, i) => bit(i, 0) + 2 * bit(i, 1));
  if (tags.slice(words).some((tag) => tag !== 0)) return STATUS.BAD_TOKEN;
  const partials = sum(tags, PARTIAL);
  const third = Math.ceil(partials / 3);
  const half = Math.ceil((partials + sum(tags, EXACT)) / 2);
  const lowsAt = tagBytes + 4 * sum(tags, MISS);
  const indexesAt = lowsAt + 4 * third;
  if (data.length !== indexesAt + half)
    return data.length < indexesAt + half ? STATUS.TRUNCATED : STATUS.TRAILING;

  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const dictionary = new Array<number>(16).fill(1);
  const page = new Uint8Array(pageBytes);
  const out = new DataView(page.buffer);
  let full = tagBytes;
  let low = 0;
  let index = 0;
  const nextLow = () =>
    (view.getUint32(lowsAt + 4 * (low % third), true) >>> (10 * Math.floor(low++ / third))) & 1023;
  const nextIndex = () => (data[indexesAt + (index % half)]! >> (4 * Math.floor(index++ / half))) & 15;
  for (let i = 0; i < words; i++) {
    if (tags[i] === ZERO) continue;
    let word = 0;
    let slot = 0;
    if (tags[i] === MISS) {
      word = view.getUint32(full, true);
      full += 4;
      slot = slotOf(word);
    } else {
      slot = nextIndex();
      word = dictionary[slot]!;
      if (tags[i] === PARTIAL) word = ((word & ~1023) | nextLow()) >>> 0;
    }
    dictionary[slot] = word;
    out.setUint32(i * 4, word, true);
  }
  return page;
}
