import { STATUS } from '../../src/kernels/status.js';

/** Zero-aware coding, a word at a time: `assembly/codec/zero-aware.ts` must write these bytes. */
export function encode(page: Uint8Array): Uint8Array {
  const words = Math.floor(page.length / 4);
  const bitmap = new Uint8Array(Math.ceil(words / 8));
  const present: number[] = [];
  for (let i = 0; i < words; i++) {
    const word = page.subarray(i * 4, i * 4 + 4);
    if (word.every((byte) => byte === 0)) continue;
    bitmap[i >> 3]! |= 1 << (i & 7);
    present.push(...word);
  }
  return Uint8Array.from([...bitmap, ...page.subarray(words * 4), ...present]);
}

/** The page, or a status. */
export function decode(data: Uint8Array, pageBytes: number): Uint8Array | number {
  const page = new Uint8Array(pageBytes);
  const words = Math.floor(pageBytes / 4);
  const bitmapBytes = Math.ceil(words / 8);
  let at = bitmapBytes + (pageBytes % 4);
  if (data.length < at) return STATUS.TRUNCATED;
  page.set(data.subarray(bitmapBytes, at), words * 4);
  const bit = (i: number) => (data[i >> 3]! >> (i & 7)) & 1;
  for (let i = words; i < bitmapBytes * 8; i++) if (bit(i)) return STATUS.BAD_TOKEN;
  for (let i = 0; i < words; i++) {
    if (!bit(i)) continue;
    if (data.length - at < 4) return STATUS.TRUNCATED;
    page.set(data.subarray(at, at + 4), i * 4);
    at += 4;
  }
  return at === data.length ? page : STATUS.TRAILING;
}
