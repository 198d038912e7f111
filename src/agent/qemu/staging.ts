import type { QemuEvents } from '../../image/qemu-events.js';
import type { QemuBlock } from '../../image/qemu-format.js';

/** What a piece of QEMU's stream was made of; pages by block and number in it. */
export type Staged =
  | { readonly kind: 'literal'; readonly from: number; readonly to: number }
  | { readonly kind: 'page'; readonly block: number; readonly page: number; readonly from: number }
  | { readonly kind: 'fill'; readonly block: number; readonly page: number; readonly value: number }
  | { readonly kind: 'xbzrle'; readonly block: number; readonly page: number; readonly from: number; readonly to: number }
  | { readonly kind: 'blocks'; readonly blocks: readonly QemuBlock[] }
  | { readonly kind: 'flush' | 'postcopy' | 'devices' }
  | { readonly kind: 'opaque'; readonly reason: string };

const PAGE_BYTES = 4096;

/** Takes down what a reader tells of one piece, to be worked off by somebody who has to wait meanwhile. */
export class Staging implements QemuEvents {
  readonly steps: Staged[] = [];
  /** What literals, pages and changes refer to. */
  bytes = new Uint8Array(1 << 18);
  private used = 0;

  clear(): void {
    this.steps.length = 0;
    this.used = 0;
  }

  literal(bytes: Uint8Array, from: number, to: number): void {
    const at = this.keep(bytes, from, to);
    const last = this.steps.at(-1);
    if (last?.kind === 'literal' && last.to === at) this.steps[this.steps.length - 1] = { ...last, to: this.used };
    else this.steps.push({ kind: 'literal', from: at, to: this.used });
  }

  page(block: number, page: number, bytes: Uint8Array, at: number): void {
    this.steps.push({ kind: 'page', block, page, from: this.keep(bytes, at, at + PAGE_BYTES) });
  }

  fill(block: number, page: number, value: number): void {
    this.steps.push({ kind: 'fill', block, page, value });
  }

  xbzrle(block: number, page: number, bytes: Uint8Array, at: number, length: number): void {
    const from = this.keep(bytes, at, at + length);
    this.steps.push({ kind: 'xbzrle', block, page, from, to: this.used });
  }

  blocks(blocks: readonly QemuBlock[]): void {
    this.steps.push({ kind: 'blocks', blocks: blocks.slice() });
  }

  flush(): void {
    this.steps.push({ kind: 'flush' });
  }

  postcopy(): void {
    this.steps.push({ kind: 'postcopy' });
  }

  deviceState(): void {
    this.steps.push({ kind: 'devices' });
  }

  opaque(reason: string): void {
    this.steps.push({ kind: 'opaque', reason });
  }

  /** Where they stand now. */
  private keep(bytes: Uint8Array, from: number, to: number): number {
    const at = this.used;
    const need = at + to - from;
    if (need > this.bytes.length) {
      const larger = new Uint8Array(Math.max(need, 2 * this.bytes.length));
      larger.set(this.bytes.subarray(0, at));
      this.bytes = larger;
    }
    this.bytes.set(bytes.subarray(from, to), at);
    this.used = need;
    return at;
  }
}
