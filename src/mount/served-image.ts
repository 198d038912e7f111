/** An image that a mount or an export serves, for synchronous reads at any position. */
export interface ServedImage {
  /** Name without a directory; a mount's file is called NAME.raw. */
  readonly name: string;
  readonly bytes: number;
  /**
   * Fill `out` with the image's bytes from `offset` on; all of them lie in the image.
   * @throws PageferryError `bad-stream` or `bad-image`, which names the damaged frame; `wrong-base`; `io`.
   *   `out` is undefined then, and the next call is not affected
   */
  read(out: Uint8Array, offset: number): void;
  /**
   * Return a run of zero bytes, or of data, that begins at `offset`: 1 … `maxBytes` bytes, no more than the
   * image has. Nothing is decoded for it: a run may end early, and data may contain zeros.
   */
  run(offset: number, maxBytes: number): ServedRun;
  /**
   * Asynchronous calls in place of `read` and `run`, which then fail: of an image whose bytes come over a
   * network, opened with `isAsync`.
   */
  readonly later?: {
    read(out: Uint8Array, offset: number): Promise<void>;
    run(offset: number, maxBytes: number): Promise<ServedRun>;
  };
}

/** A run of zero bytes, or of data. */
export interface ServedRun {
  readonly bytes: number;
  readonly zero: boolean;
}

/** Totals of reading the images. */
interface ServedCounters {
  /** Bytes read from packs, streams or files. */
  readonly packedBytes: number;
  /** Bytes of frames that were decoded. */
  readonly decodedBytes: number;
}

/** Images that are served together. */
export interface ServedImages {
  readonly images: readonly ServedImage[];
  counters?(): ServedCounters;
  close(): void;
}
