/**
 * The exports of the zstd module, the types for `assembly/zstd.ts`; `docs/kernels-abi.md` describes them for
 * hosts in any language. Addresses, results and limits are as in {@link KernelExports}.
 */
export interface ZstdExports {
  readonly ZSTD_MAX_BLOCK_BYTES: { readonly value: number };
  readonly ZSTD_DECODE_SCRATCH_BYTES: { readonly value: number };
  readonly ZSTD_FRAME_WINDOW_BYTES: { readonly value: number };
  readonly ZSTD_FRAME_CONTENT_BYTES: { readonly value: number };
  readonly ZSTD_FRAME_IS_SKIPPABLE: { readonly value: number };
  readonly ZSTD_FRAME_MAX_BLOCK_BYTES: { readonly value: number };
  readonly ZSTD_FRAME_HAS_CHECKSUM: { readonly value: number };
  readonly ZSTD_BLOCK_IS_LAST: { readonly value: number };

  /**
   * Decode all frames of `src`, skippable ones too, to at most `capacity` bytes at `out`; `scratch`:
   * `ZSTD_DECODE_SCRATCH_BYTES` bytes, zeroed before its first use. A frame whose window is larger than
   * `maxWindowBytes` is refused. Return the decoded bytes or a status.
   */
  zstdDecode(
    src: number,
    srcBytes: number,
    out: number,
    capacity: number,
    maxWindowBytes: number,
    scratch: number,
  ): number;
  /**
   * Read a frame's header and prepare the scratch for its blocks; the `ZSTD_FRAME_` fields say what it
   * announces. Return the header's bytes or a status; `TRUNCATED`: more bytes are needed, 18 are enough.
   */
  zstdDecodeHeader(src: number, srcBytes: number, maxWindowBytes: number, scratch: number): number;
  /**
   * Return the bytes of the block whose header of 3 bytes is at `src`, header included, and set
   * `ZSTD_BLOCK_IS_LAST`; or a status.
   */
  zstdBlockBytes(src: number, srcBytes: number, scratch: number): number;
  /**
   * Decode one block to at most `capacity` bytes at `out`; the `historyBytes` bytes before `out` are those of
   * the frame that matches may use. Return the decoded bytes or a status.
   */
  zstdDecodeBlock(
    src: number,
    srcBytes: number,
    out: number,
    capacity: number,
    historyBytes: number,
    scratch: number,
  ): number;
  /**
   * Check the size that the frame's header announces and the checksum at `src`. Return the checksum's bytes,
   * 0 or 4, or a status.
   */
  zstdDecodeEnd(src: number, srcBytes: number, scratch: number): number;
  /** Return the checksum of a frame's content: the low 32 bits of its XXH64, as a signed number. */
  zstdChecksum(src: number, bytes: number): number;
  /**
   * Encode one frame with its content size. `srcBytes` + `srcBytes` / 32768 + 32 bytes always suffice.
   * `checksum`: not 0 to append one.
   */
  zstdEncode(
    src: number,
    srcBytes: number,
    out: number,
    capacity: number,
    level: number,
    checksum: number,
    scratch: number,
  ): number;
  /** Bytes of the scratch for inputs of at most `srcBytes` bytes; 64-byte aligned, contents arbitrary. */
  zstdEncodeScratchBytes(level: number, srcBytes: number): number;
  /**
   * Begin a frame that is encoded block by block, with a window of 2^`windowLog` bytes (10 … 27): write its
   * head. The scratch is that of inputs of max(window, 131072) bytes and keeps state until the last block.
   */
  zstdEncodeBegin(
    out: number,
    capacity: number,
    level: number,
    windowLog: number,
    checksum: number,
    scratch: number,
  ): number;
  /**
   * Encode the next block of that frame: at most min(window, 131072) bytes, whose `historyBytes` bytes of
   * history, everything or at least the window, precede them in memory.
   * The checksum follows the last block. `srcBytes` + 7 bytes always suffice.
   */
  zstdEncodeBlock(
    src: number,
    srcBytes: number,
    historyBytes: number,
    isLast: number,
    out: number,
    capacity: number,
    scratch: number,
  ): number;
}
