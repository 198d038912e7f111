import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { CHUNK_BYTES } from '../frame/chunk.js';

const SLOTS = 2;

/** Takes a chunk of `bytes` bytes at `address`. */
type Consumer = (address: number, bytes: number) => Promise<void>;

/** A gap of so many pages is read along with what stands around it: another call would take longer. */
const READ_ALONG_PAGES = 2;

/** Reads sources chunk by chunk straight into the kernels' memory, the next chunk while one is worked on. */
export class ChunkReader {
  static readonly memoryBytes = (SLOTS + 1) * (CHUNK_BYTES + 256);
  private readonly slots: number[];
  private readonly parentSlot: number;

  constructor(private readonly kernels: Kernels) {
    this.slots = Array.from({ length: SLOTS }, () => kernels.reserve(CHUNK_BYTES, 'chunk'));
    this.parentSlot = kernels.reserve(CHUNK_BYTES, 'chunk of the parent');
  }

  /** Reads `source` to its end. Only the last chunk may end within a page. */
  async read(source: PageSource, consume: Consumer): Promise<void> {
    let position = 0;
    let turn = 0;
    let next = this.fill(source, turn);
    for (;;) {
      const address = this.slots[turn]!;
      const bytes = await next;
      if (bytes === 0) break;
      turn = (turn + 1) % SLOTS;
      next = bytes === CHUNK_BYTES ? this.fill(source, turn) : Promise.resolve(0);
      // Whoever awaits it later hears of its failure; until then it is not unhandled.
      next.catch(() => {});
      await consume(address, bytes);
      position += bytes;
    }
    if (source.bytes !== undefined && position !== source.bytes)
      throw new PageferryError('io', `${source.name}: expected ${source.bytes} bytes, got ${position}`);
  }

  /** Copies up to a chunk's bytes in; the address is good until the next call. */
  copyIn(bytes: Uint8Array): number {
    this.kernels.bytes.set(bytes, this.slots[0]!);
    return this.slots[0]!;
  }

  private async fill(source: PageSource, slot: number): Promise<number> {
    const from = this.slots[slot]!;
    let filled = 0;
    while (filled < CHUNK_BYTES) {
      const bytes = await source.read(this.kernels.bytes.subarray(from + filled, from + CHUNK_BYTES));
      if (bytes === 0) break;
      filled += bytes;
    }
    return filled;
  }

  /**
   * Reads those of `count` pages of `parent` at `position` that are `wanted`; returns where the first page stands, or would. Good
   * until the next call.
   */
  versions(
    parent: PageSource,
    position: number,
    count: number,
    pageBytes: number,
    wanted: (page: number) => boolean,
  ): number {
    for (let i = 0; i < count; i++) {
      if (!wanted(i)) continue;
      let end = i + 1;
      for (let next = end; next < count && next - end <= READ_ALONG_PAGES; next++)
        if (wanted(next)) end = next + 1;
      this.readVersions(parent, position, i * pageBytes, end * pageBytes);
      i = end;
    }
    return this.parentSlot;
  }

  private readVersions(parent: PageSource, position: number, from: number, to: number): void {
    const { bytes } = this.kernels;
    const slot = this.parentSlot;
    const got = parent.readAt!(bytes.subarray(slot + from, slot + to), position + from);
    // Pages past the parent's end are compared with zeros, and no digest of theirs will match.
    bytes.fill(0, slot + from + got, slot + to);
  }
}
