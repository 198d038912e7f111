/** A buffer in use. */
interface BufferUse {
  readonly buffer: Uint8Array;
  /** Pieces of it that are not written yet. */
  pieces: number;
  /** Nothing more is put into it. */
  isFull: boolean;
}

/**
 * Reuses the buffers that are written to a socket once all their pieces are written: allocating and freeing
 * off-heap memory for each would run the garbage collector all the time.
 */
export class BufferPool {
  private readonly free: Uint8Array[] = [];
  private readonly used = new Map<ArrayBufferLike, BufferUse>();
  private filling: ArrayBufferLike | undefined;

  /** Return a buffer for the next pieces; the one before is full. */
  readonly next = (bytes: number): Uint8Array => {
    this.markFull();
    const buffer = this.free.pop() ?? new Uint8Array(bytes);
    this.filling = buffer.buffer;
    this.used.set(buffer.buffer, { buffer, pieces: 0, isFull: false });
    return buffer;
  };

  /** Record that a piece of a buffer is being written. */
  writing(piece: Uint8Array): void {
    const use = this.used.get(piece.buffer);
    if (use) use.pieces++;
  }

  /** Record that a piece is written; its buffer may be reused once all of them are. */
  written(piece: Uint8Array): void {
    const use = this.used.get(piece.buffer);
    if (!use) return;
    use.pieces--;
    this.release(use);
  }

  private markFull(): void {
    if (this.filling === undefined) return;
    const use = this.used.get(this.filling)!;
    use.isFull = true;
    this.release(use);
    this.filling = undefined;
  }

  private release({ buffer, pieces, isFull }: BufferUse): void {
    if (!isFull || pieces > 0) return;
    this.used.delete(buffer.buffer);
    this.free.push(buffer);
  }
}
