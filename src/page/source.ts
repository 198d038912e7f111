/**
 * Where the pages of one image come from. A source is read once from start to end; one that can also be read anywhere
 * (a file, a memory that stands still) lets the engine look at earlier pages again instead of keeping copies of them.
 */
export interface PageSource {
  /** For messages and the image table: a file name, "pid 17", … */
  readonly name: string;
  /** The image's size in bytes, where it is known before reading. */
  readonly bytes?: number;
  /**
   * Fills `into` with the image's next bytes, whole or as far as they go; gives the number of bytes, 0 at the end.
   * @throws PageferryError `io` when the source fails
   */
  read(into: Uint8Array): number | Promise<number>;
  /** Fills `into` from `position`; gives the number of bytes. Absent where only reading in order is possible. */
  readAt?(into: Uint8Array, position: number): number;
  close?(): void;
}

/** Where decoded pages go. Pages arrive in ascending order; a page that is all zero is announced, not written. */
export interface PageSink {
  /** Bytes of the image, at `position`; the view is only valid during the call. */
  write(bytes: Uint8Array, position: number): void;
  /** A stretch of zero bytes: a hole where the medium has holes. */
  zero(position: number, bytes: number): void;
  /** Reads back what was written, so that later pages can refer to it. */
  readAt(into: Uint8Array, position: number): number;
  /** The image is whole and proved: `bytes` is its final size. */
  finish(bytes: number): void | Promise<void>;
  /** The stream failed: leave nothing behind that could be taken for an image. */
  abort(): void;
}
