/**
 * The pages of one image, read once from start to end. A source with `readAt` (a file, memory that does not
 * change) lets the engine read earlier pages again instead of keeping copies of them; it must then stay open
 * until the stream is finished.
 */
export interface PageSource {
  /** Name for messages and for the image's record: a file name, "pid 17", … */
  readonly name: string;
  /** The image's size in bytes, if it is known before reading. */
  readonly bytes?: number;
  /**
   * Read the image's next bytes into `into` and return their number, 1 … `into.length`; return 0 at the end.
   * @throws PageferryError `io` when the source fails
   */
  read(into: Uint8Array): number | Promise<number>;
  /**
   * Skip up to `maxBytes` zero bytes at the current read position without reading them, and return their
   * number: a multiple of 64 KiB (the largest page size) unless the image ends there, 0 when the next bytes
   * have to be read. For sources that know their holes: a skipped range is encoded as one run of zero pages.
   * `maxBytes` is a multiple of 64 KiB. The engine calls it at positions that are multiples of 64 KiB, before
   * a `read`.
   */
  skipZeros?(maxBytes: number): number;
  /**
   * Read bytes from `position` into `into` and return their number; less than `into.length` only at the end
   * of the image.
   */
  readAt?(into: Uint8Array, position: number): number;
  /**
   * Return where the image's bytes [position, position + bytes) are in a file, so that threads read them by
   * themselves, or undefined if they are not in one piece there. `release` is called once they were read. A
   * source with this method has `readAt` and `bytes` too, and the engine may read it without calling `read`.
   */
  fileRange?(position: number, bytes: number): FileRange | undefined;
  /** As `skipZeros`, at `position` and without skipping; for sources with `fileRange`. */
  zerosAt?(position: number, maxBytes: number): number;
  close?(): void;
}

/** A range of an open file. */
export interface FileRange {
  /** The file's descriptor. */
  readonly file: number;
  readonly offset: number;
  /**
   * Whether all bytes of the image that are not skipped as zeros are in this file, at the same distance from
   * their positions in the image.
   */
  readonly isWhole?: boolean;
  /** Allow the file to be closed again. */
  release(): void;
}

/** Destination of one image's decoded pages, which arrive in ascending order. */
export interface PageSink {
  /** Write bytes of the image at `position`; the view is only valid during the call. */
  write(bytes: Uint8Array, position: number): void;
  /** Store zero bytes at `position`, at most 4 MiB a call: a hole, if the medium has holes. */
  zero(position: number, bytes: number): void;
  /** Read back bytes that were written; later pages can refer to them. Returns the number of bytes read. */
  readAt(into: Uint8Array, position: number): number;
  /** Complete the image: it is whole and verified; `bytes` is its final size. */
  finish(bytes: number): void | Promise<void>;
  /** Discard the image: the stream failed. Nothing may stay that could be taken for an image. */
  abort(): void;
}
