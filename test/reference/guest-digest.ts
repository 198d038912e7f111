import { digest } from './image-digest.js';
import { xxh3_128 } from './xxh3.js';

/**
 * The digest of a live guest as docs/stream.md defines it; `pages` has the bytes of every page that the
 * receiver has.
 */
export function guestDigest(pages: ReadonlyMap<number, Uint8Array>, guestBytes: number): Uint8Array {
  let sum = 0n;
  for (const [page, bytes] of pages) {
    const { low, high } = xxh3_128(Uint8Array.of(...digest(bytes), ...littleEndian(BigInt(page), 8)));
    sum = (sum + low + (high << 64n)) % (1n << 128n);
  }
  return digest(Uint8Array.of(...littleEndian(sum, 16), ...littleEndian(BigInt(guestBytes), 8)));
}

/** The digest of a guest whose pages the receiver has all. */
export function guestDigestOf(memory: Uint8Array, pageBytes: number): Uint8Array {
  const pages = new Map<number, Uint8Array>();
  for (let at = 0; at < memory.length; at += pageBytes)
    pages.set(at / pageBytes, memory.subarray(at, at + pageBytes));
  return guestDigest(pages, memory.length);
}

function littleEndian(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}
