import type { QemuBlock, QemuCommand, QemuRange } from './format.js';

/** Where nothing that came before may be held back any longer: after a section's records, its footer, or a command. */
type QemuFlush = 'start' | 'part' | 'end' | 'footer' | 'command';

/**
 * What a reader finds, in the stream's order. The bytes of all literals and records together are all bytes of the stream. Views are
 * of the piece that was pushed, or of the reader's own memory where a record was cut in two, and only valid during the call.
 * Blocks are numbered as in `blocks`, pages from the start of their block.
 */
export interface QemuEvents {
  /** bytes[from, to) are to be passed on as they are. */
  literal(bytes: Uint8Array, from: number, to: number): void;
  /** The page's content is the 4096 bytes from bytes[at] on. */
  page(block: number, page: number, bytes: Uint8Array, at: number): void;
  /** Every byte of the page is `value`. */
  fill(block: number, page: number, value: number): void;
  /** The page is what this stream has made of it so far, with the changes in bytes[at, at + length). */
  xbzrle(block: number, page: number, bytes: Uint8Array, at: number, length: number): void;
  /** The machine's name. */
  machine?(name: string): void;
  /** The table of blocks, once, before the first record. */
  blocks?(blocks: readonly QemuBlock[]): void;
  /** After the command's literal; not for what is packed in PACKAGED. */
  command?(command: QemuCommand, payload: Uint8Array): void;
  /** The destination forgets these ranges: no later record may count on what was there. After the command's literal. */
  discard?(block: number, ranges: readonly QemuRange[]): void;
  flush?(after: QemuFlush): void;
  /** Before the literal that switches to postcopy: from here on every record is waited for, and has to go out as it is. */
  postcopy?(): void;
  /** All of RAM has been sent (the guest stands still); what follows are literals. */
  deviceState?(): void;
  /**
   * What follows is not understood and will be literals until the end; `at` is where in the stream it begins. It may have records
   * in it that say "the same block as before", by which they mean `block` (-1: none yet): whoever wrote the last record has to have
   * written it in that block.
   */
  opaque?(reason: string, at: number, block: number): void;
}
