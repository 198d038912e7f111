import type { QemuEvents } from '../../qemu/events.js';
import type { QemuBlock } from '../../qemu/format.js';

/** What a piece of QEMU's stream was made of; pages by block and number in it. Bytes are those of `bytes` from `from` on. */
export type Staged =
  | { readonly kind: 'literal'; readonly bytes: Uint8Array; readonly from: number; readonly to: number }
  | {
      readonly kind: 'page';
      readonly block: number;
      readonly page: number;
      readonly bytes: Uint8Array;
      readonly from: number;
    }
  | { readonly kind: 'fill'; readonly block: number; readonly page: number; readonly value: number }
  | {
      readonly kind: 'xbzrle';
      readonly block: number;
      readonly page: number;
      readonly bytes: Uint8Array;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'blocks'; readonly blocks: readonly QemuBlock[] }
  | { readonly kind: 'flush' | 'postcopy' | 'devices' }
  | { readonly kind: 'opaque'; readonly reason: string };

const PAGE_BYTES = 4096;

/** Takes down what a reader tells of one piece, to be worked off by somebody who has to wait meanwhile. */
export class Staging implements QemuEvents {
  readonly steps: Staged[] = [];
  private piece: Uint8Array | undefined;

  /** The next piece, which stays as it is until all steps were worked off. */
  begin(piece: Uint8Array): void {
    this.piece = piece;
  }

  clear(): void {
    this.steps.length = 0;
    this.piece = undefined;
  }

  onLiteral(bytes: Uint8Array, from: number, to: number): void {
    const last = this.steps.at(-1);
    if (bytes === this.piece && last?.kind === 'literal' && last.bytes === bytes && last.to === from)
      this.steps[this.steps.length - 1] = { ...last, to };
    else {
      const kept = this.kept(bytes, from, to);
      this.steps.push({ kind: 'literal', ...kept, to: kept.from + to - from });
    }
  }

  onPage(block: number, page: number, bytes: Uint8Array, at: number): void {
    if (bytes === this.piece) this.steps.push({ kind: 'page', block, page, bytes, from: at });
    else this.steps.push({ kind: 'page', block, page, ...this.kept(bytes, at, at + PAGE_BYTES) });
  }

  onFill(block: number, page: number, value: number): void {
    this.steps.push({ kind: 'fill', block, page, value });
  }

  onXbzrle(block: number, page: number, bytes: Uint8Array, at: number, length: number): void {
    const kept = this.kept(bytes, at, at + length);
    this.steps.push({ kind: 'xbzrle', block, page, ...kept, to: kept.from + length });
  }

  onBlocks(blocks: readonly QemuBlock[]): void {
    this.steps.push({ kind: 'blocks', blocks: blocks.slice() });
  }

  onFlush(): void {
    this.steps.push({ kind: 'flush' });
  }

  onPostcopy(): void {
    this.steps.push({ kind: 'postcopy' });
  }

  onDeviceState(): void {
    this.steps.push({ kind: 'devices' });
  }

  onOpaque(reason: string): void {
    this.steps.push({ kind: 'opaque', reason });
  }

  /** Where they stand until they are worked off: what was cut in two stands in the reader's memory, which is used again. */
  private kept(bytes: Uint8Array, from: number, to: number): { bytes: Uint8Array; from: number } {
    return bytes === this.piece ? { bytes, from } : { bytes: bytes.slice(from, to), from: 0 };
  }
}
