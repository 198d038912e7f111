import { xxh3_128 } from './xxh3.js';

/** XXH3-128 as the stream writes it: low half first, little-endian. */
export function digest(bytes: Uint8Array): Uint8Array {
  const { low, high } = xxh3_128(bytes);
  const written = new Uint8Array(16);
  const view = new DataView(written.buffer);
  view.setBigUint64(0, low, true);
  view.setBigUint64(8, high, true);
  return written;
}

/** The chain over page digests that docs/stream.md tells. */
export function digestOfPages(pageDigests: readonly Uint8Array[], imageBytes: number): Uint8Array {
  let state: Uint8Array = new Uint8Array(16);
  for (let first = 0; first < pageDigests.length; first += 255)
    state = digest(
      Uint8Array.from([state, ...pageDigests.slice(first, first + 255)].flatMap((part) => [...part])),
    );
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(imageBytes), true);
  return digest(Uint8Array.of(...state, ...size));
}

export function imageDigest(image: Uint8Array, pageBytes: number): Uint8Array {
  const pages: Uint8Array[] = [];
  for (let at = 0; at < image.length; at += pageBytes) pages.push(digest(image.subarray(at, at + pageBytes)));
  return digestOfPages(pages, image.length);
}
