/**
 * BufferPool for what is written to a socket, used again once all that was handed out of one is written: memory outside of the heap that comes
 * and goes makes the collector run all the time.
 */
export class BufferPool {
  private readonly free: Uint8Array[] = [];
  /** By memory: what was handed out of it and is not written yet. The last one is still filled. */
  private readonly out = new Map<ArrayBufferLike, { room: Uint8Array; pieces: number; isFull: boolean }>();
  private filling: ArrayBufferLike | undefined;

  /** A room for the next pieces; nothing more goes into the one before. */
  readonly next = (bytes: number): Uint8Array => {
    this.full();
    const room = this.free.pop() ?? new Uint8Array(bytes);
    this.filling = room.buffer;
    this.out.set(room.buffer, { room, pieces: 0, isFull: false });
    return room;
  };

  handed(piece: Uint8Array): void {
    const use = this.out.get(piece.buffer);
    if (use) use.pieces++;
  }

  written(piece: Uint8Array): void {
    const use = this.out.get(piece.buffer);
    if (!use) return;
    use.pieces--;
    this.release(piece.buffer);
  }

  private full(): void {
    if (this.filling === undefined) return;
    this.out.get(this.filling)!.isFull = true;
    this.release(this.filling);
    this.filling = undefined;
  }

  private release(memory: ArrayBufferLike): void {
    const { room, pieces, isFull } = this.out.get(memory)!;
    if (!isFull || pieces > 0) return;
    this.out.delete(memory);
    this.free.push(room);
  }
}
