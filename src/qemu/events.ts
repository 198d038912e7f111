import type { QemuBlock, QemuCommand, QemuRange } from './format.js';

/**
 * The item before a flush, which is complete: the records of a section (start, part or end of RAM), a footer,
 * or a command.
 */
export type QemuFlush = 'start' | 'part' | 'end' | 'footer' | 'command';

/**
 * Contents of a migration stream, in the stream's order. The bytes of all literals and records together are
 * all bytes of the stream. Views are only valid during the call: they lie in the piece that was pushed, or in
 * the reader's buffer for a record that was split between two pieces. Blocks are numbered as in `onBlocks`,
 * pages from the start of their block.
 */
export interface QemuEvents {
  /** Bytes to copy unchanged: bytes[from, to). */
  onLiteral(bytes: Uint8Array, from: number, to: number): void;
  /** PAGE: the page's content is the 4096 bytes from bytes[at] on; its record begins at bytes[from]. */
  onPage(block: number, page: number, bytes: Uint8Array, at: number, from: number): void;
  /** ZERO: every byte of the page is `value`; bytes[from, to) is its record. */
  onFill(block: number, page: number, value: number, bytes: Uint8Array, from: number, to: number): void;
  /** XBZRLE: bytes[at, at + length) are changes to the page's previous content in this stream. */
  onXbzrle(block: number, page: number, bytes: Uint8Array, at: number, length: number): void;
  /** MULTIFD_FLUSH, after its literal: a synchronization point of all channels of multifd. */
  onMultifdFlush?(): void;
  /** The machine's name, such as "pc-q35-7.2". */
  onMachine?(name: string): void;
  /** The table of RAM blocks, once, before the first record. */
  onBlocks?(blocks: readonly QemuBlock[]): void;
  /** A command, after its literal. Commands inside PACKAGED are not reported. */
  onCommand?(command: QemuCommand, payload: Uint8Array): void;
  /**
   * POSTCOPY_RAM_DISCARD: the destination discards these ranges, so no later record may depend on their
   * content. Comes after the command's literal.
   */
  onDiscard?(block: number, ranges: readonly QemuRange[]): void;
  /** Everything up to here must be sent now: QEMU may wait for the destination's answer. */
  onFlush?(after: QemuFlush): void;
  /**
   * The switch to postcopy, before its literal: a guest waits for every record from here on, so none may be
   * dropped or delayed.
   */
  onPostcopy?(): void;
  /** All of RAM was read and the guest is stopped. Only literals follow. */
  onDeviceState?(): void;
  /**
   * The stream cannot be parsed from offset `at` on; only literals follow. They may contain records with
   * CONTINUE, which refer to `block` (-1: no record yet): the last record that was written must be one of
   * that block.
   */
  onOpaque?(reason: string, at: number, block: number): void;
}
