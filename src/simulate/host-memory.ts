import type { GuestMemory } from '../engine/live/page-receiver.js';

const BLOCK_PAGES = 512;

/** Guest memory at the destination. Blocks of pages that are never written are not allocated. */
export class HostMemory implements GuestMemory {
  private readonly blocks: (Uint8Array | undefined)[] = [];

  constructor(private readonly pageBytes: number) {}

  write(page: number, bytes: Uint8Array): void {
    const number = Math.floor(page / BLOCK_PAGES);
    this.blocks[number] ??= new Uint8Array(BLOCK_PAGES * this.pageBytes);
    this.blocks[number]!.set(bytes, (page % BLOCK_PAGES) * this.pageBytes);
  }

  zero(page: number): void {
    const at = (page % BLOCK_PAGES) * this.pageBytes;
    this.blocks[Math.floor(page / BLOCK_PAGES)]?.fill(0, at, at + this.pageBytes);
  }

  read(page: number, into: Uint8Array): void {
    const block = this.blocks[Math.floor(page / BLOCK_PAGES)];
    const at = (page % BLOCK_PAGES) * this.pageBytes;
    if (block) into.set(block.subarray(at, at + this.pageBytes));
    else into.fill(0);
  }
}
