// The memory that all contestants work in: that of our kernels, so that native code reads and writes the very
// same bytes.
import { loadKernels } from './load.mjs';

const MiB = 1 << 20;

/**
 * Kernels and the places for sets of up to `bytes` of pages. A contestant of its own encodings has an arena
 * of its own.
 */
export async function openRoom(bytes) {
  // An encoding may be larger than its page; a set of 4 KiB pages has the most lengths, classes and digests.
  const arenaBytes = bytes + bytes / 8 + MiB;
  const pages = bytes / 4096;
  const kernels = await loadKernels(3 * bytes + 3 * arenaBytes + pages * 64 + 4 * MiB);
  const place = (size, what) => kernels.reserve(size, what);
  const [src, base, decoded] = ['pages', 'bases', 'decoded pages'].map((what) => place(bytes, what));
  const arenas = [0, 1, 2].map((n) => ({
    out: place(arenaBytes, 'encodings'),
    lens: place(pages * 4, `lengths ${n}`),
  }));
  const scratch = place(
    Math.max(kernels.run.LZ4_SCRATCH_BYTES.value, kernels.run.WKDM_SCRATCH_BYTES.value),
    'scratch',
  );
  const classes = place(pages * 2, 'classes');
  const memory = kernels.bytes;
  return { kernels, memory, arenaBytes, scratch, classes, set };

  /** A set of `setBytes` in pages of `pageBytes`. `arena` numbers the contestant. */
  function set(setBytes, pageBytes) {
    const count = setBytes / pageBytes;
    const view = (address) => memory.subarray(address, address + setBytes);
    return {
      memory,
      pages: count,
      pageBytes,
      src,
      base,
      decoded,
      classes,
      // Ample: what a codec makes of a page is a benchmark's business even where it does not pay.
      capacity: 2 * pageBytes,
      srcView: view(src),
      baseView: view(base),
      decodedView: view(decoded),
      arena: (n) => ({ out: arenas[n].out, lens: new Int32Array(memory.buffer, arenas[n].lens, count) }),
      /** Views of the first pages, for peers that take one page after the other. */
      views: (bytes) =>
        Array.from({ length: bytes / pageBytes }, (_, i) =>
          Buffer.from(memory.buffer, src + i * pageBytes, pageBytes),
        ),
    };
  }
}
