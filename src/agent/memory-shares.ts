/**
 * Memory of an agent's migrations for pages that were sent. A migration cannot give memory back while it
 * runs, so each takes half of what is free; the only one that is allowed takes all.
 */
export class MemoryShares {
  private free: number;

  constructor(
    bytes: number,
    private readonly maxMigrations: number,
  ) {
    this.free = bytes;
  }

  /** Return the bytes of a migration that begins. */
  take(): number {
    const share = this.maxMigrations === 1 ? this.free : Math.floor(this.free / 2);
    this.free -= share;
    return share;
  }

  /** Give the bytes of a migration back that has ended. */
  release(bytes: number): void {
    this.free += bytes;
  }
}
