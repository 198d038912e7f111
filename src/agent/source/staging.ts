import type { QemuEvents, QemuFlush } from '../../qemu/events.js';
import { type QemuBlock, TARGET_PAGE_BYTES } from '../../qemu/format.js';

/**
 * One part of a piece of QEMU's stream. Pages are numbered within their block. Content is bytes[from, to); of
 * a page or a fill it is the whole record, and the page's bytes begin at `at`.
 */
export type Step =
  | { readonly kind: 'literal'; readonly bytes: Uint8Array; readonly from: number; readonly to: number }
  | {
      readonly kind: 'page';
      readonly block: number;
      readonly page: number;
      readonly bytes: Uint8Array;
      readonly from: number;
      readonly at: number;
    }
  | {
      readonly kind: 'fill';
      readonly block: number;
      readonly page: number;
      readonly value: number;
      readonly bytes: Uint8Array;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly kind: 'xbzrle';
      readonly block: number;
      readonly page: number;
      readonly bytes: Uint8Array;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'blocks'; readonly blocks: readonly QemuBlock[] }
  | { readonly kind: 'flush' | 'section-end' | 'multifd-flush' | 'postcopy' | 'devices' }
  | { readonly kind: 'opaque'; readonly reason: string };

export type StepOf<Kind extends Step['kind']> = Extract<Step, { readonly kind: Kind }>;

/**
 * Takes pages at once where it can; returns whether it did. `from` and `to`: the record; `isStable`: its
 * bytes do not change.
 */
export interface PageTaker {
  takePage(
    block: number,
    page: number,
    bytes: Uint8Array,
    at: number,
    from: number,
    isStable: boolean,
  ): boolean;
  takeFill(
    block: number,
    page: number,
    value: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    isStable: boolean,
  ): boolean;
}

/**
 * Gives the pages of one piece to a taker, and records the other events, because a reader calls back
 * synchronously and the sender has to wait for the link. After an event that was recorded, all are: their
 * order counts.
 */
export class Staging implements QemuEvents {
  readonly steps: Step[] = [];
  advisesPostcopy = false;
  private piece: Uint8Array | undefined;

  constructor(private readonly taker: PageTaker) {}

  /** Begin a piece. It must not change: its bytes may still be sent after its steps were processed. */
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
      const stable = this.stable(bytes, from, to);
      this.steps.push({ kind: 'literal', ...stable, to: stable.from + to - from });
    }
  }

  onPage(block: number, page: number, bytes: Uint8Array, at: number, from: number): void {
    const isStable = bytes === this.piece;
    if (this.steps.length === 0 && this.taker.takePage(block, page, bytes, at, from, isStable)) return;
    const stable = this.stable(bytes, from, at + TARGET_PAGE_BYTES);
    this.steps.push({ kind: 'page', block, page, ...stable, at: stable.from + at - from });
  }

  onFill(block: number, page: number, value: number, bytes: Uint8Array, from: number, to: number): void {
    const isStable = bytes === this.piece;
    if (this.steps.length === 0 && this.taker.takeFill(block, page, value, bytes, from, to, isStable)) return;
    const stable = this.stable(bytes, from, to);
    this.steps.push({ kind: 'fill', block, page, value, ...stable, to: stable.from + to - from });
  }

  onXbzrle(block: number, page: number, bytes: Uint8Array, at: number, length: number): void {
    const stable = this.stable(bytes, at, at + length);
    this.steps.push({ kind: 'xbzrle', block, page, ...stable, to: stable.from + length });
  }

  onBlocks(blocks: readonly QemuBlock[]): void {
    this.steps.push({ kind: 'blocks', blocks: blocks.slice() });
  }

  onCommand(command: string): void {
    if (command === 'POSTCOPY_ADVISE') this.advisesPostcopy = true;
  }

  onFlush(after: QemuFlush): void {
    this.steps.push({ kind: 'flush' });
    if (after !== 'footer' && after !== 'command') this.steps.push({ kind: 'section-end' });
  }

  onMultifdFlush(): void {
    this.steps.push({ kind: 'multifd-flush' });
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

  /**
   * Return bytes that do not change: a record that was cut in two is in the reader's buffer, which it reuses,
   * so it is copied.
   */
  private stable(bytes: Uint8Array, from: number, to: number): { bytes: Uint8Array; from: number } {
    return bytes === this.piece ? { bytes, from } : { bytes: bytes.slice(from, to), from: 0 };
  }
}
