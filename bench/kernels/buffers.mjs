// Buffers in the kernels' memory that all contestants use, so that native code reads and writes the same
// bytes.
import { Arena, createZstdKernels, LAYOUT, ZSTD_LAYOUT } from '../../build/internal.mjs';

const MIB = 1 << 20;
const ENCODINGS = 3;
const SCRATCH_BYTES = Math.max(LAYOUT.LZ4_SCRATCH_BYTES, LAYOUT.WKDM_SCRATCH_BYTES);

/**
 * Allocate buffers for sets of up to `bytes` bytes of pages, with separate buffers for each contestant's
 * encodings.
 */
export async function openBuffers(bytes) {
  // An encoding can be larger than its page. A set of 4 KiB pages has the most lengths, classes and digests.
  const encodedBytes = bytes + bytes / 8 + MIB;
  const pages = bytes / 4096;
  const arena = new Arena();
  const [src, base, decoded] = ['pages', 'bases', 'decoded pages'].map((name) => arena.slot(name, bytes));
  const encodings = Array.from({ length: ENCODINGS }, (_, n) => ({
    out: arena.slot(`encodings ${n}`, encodedBytes),
    lens: arena.slot(`lengths ${n}`, pages * 4),
  }));
  const classes = arena.slot('classes', pages * 2);
  const scratch = arena.slot('scratch', SCRATCH_BYTES);
  const zstdScratch = arena.slot('scratch of zstd', ZSTD_LAYOUT.ZSTD_DECODE_SCRATCH_BYTES);
  // The scratch of the levels and frame sizes that are measured.
  const encoderScratch = arena.slot('scratch of the zstd encoder', 4 * MIB);
  const kernels = await arena.allocate();
  const zstd = { run: await createZstdKernels(kernels.memory), encoderScratch, decoderScratch: zstdScratch };
  const memory = kernels.bytes;
  return { kernels, memory, scratch, zstd, zstdScratch, classes, set };

  /** Return a set of `setBytes` bytes in pages of `pageBytes`. */
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
      // Large enough that every page is encoded, even where that saves nothing.
      capacity: 2 * pageBytes,
      srcView: view(src),
      baseView: view(base),
      decodedView: view(decoded),
      encodings: (contestant) => ({
        out: encodings[contestant].out,
        lens: new Int32Array(memory.buffer, encodings[contestant].lens, count),
      }),
      /** Views of the first pages, for peers that are called once per page. */
      views: (bytes) =>
        Array.from({ length: bytes / pageBytes }, (_, i) =>
          Buffer.from(memory.buffer, src + i * pageBytes, pageBytes),
        ),
    };
  }
}
