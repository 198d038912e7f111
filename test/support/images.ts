import { pageKinds } from '../codec/harness.js';
import { seeded } from './kernels.js';

/** Return an image with every kind of page, some duplicates, and a last page of `extra` bytes. */
export function guestImage(pageBytes: number, seed: number, extra = 0): Uint8Array {
  const kinds = Object.values(pageKinds(pageBytes, seed));
  const random = seeded(seed);
  const pages = [
    ...kinds,
    kinds[3]!,
    new Uint8Array(pageBytes),
    kinds[6]!,
    new Uint8Array(pageBytes).fill(seed),
  ];
  for (const like of [kinds[3]!, kinds[7]!]) {
    const similar = like.slice();
    for (let n = 0; n < 5; n++) similar[random() % pageBytes]! ^= 1 + (random() % 255);
    pages.push(similar);
  }
  const last = pageKinds(pageBytes, seed + 1).text!.subarray(0, extra);
  return new Uint8Array(Buffer.concat([...pages, last]));
}

/**
 * Return a later version of an image: several pages with small changes, one rewritten, one zeroed, one
 * copied.
 */
export function laterImage(image: Uint8Array, pageBytes: number, seed: number): Uint8Array {
  const later = image.slice();
  const random = seeded(seed);
  const pages = Math.floor(image.length / pageBytes);
  if (pages < 6) return later;
  for (let n = 0; n < pages / 4; n++) {
    const at = (random() % pages) * pageBytes;
    for (let k = 0; k < 6; k++) later[at + (random() % pageBytes)] = random();
  }
  const some = () => (random() % pages) * pageBytes;
  const whole = some();
  for (let i = 0; i < pageBytes; i++) later[whole + i] = random();
  const empty = some();
  later.fill(0, empty, empty + pageBytes);
  const from = some();
  later.copyWithin(some(), from, from + pageBytes);
  return later;
}
