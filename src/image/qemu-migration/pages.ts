import { PageferryError } from '../../page/error.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { applyXbzrle } from '../../qemu/xbzrle.js';
import type { ReadHandle } from '../fs/read-handle.js';
import type { QemuPageIndex } from './page-index.js';

/**
 * Pages that were sent one after the other are a few bytes apart in the file, so they are read together with
 * the gaps.
 */
const SPAN_BYTES = 256 << 10;
const MAX_GAP_BYTES = 4096;

/** Reads pages of an image by an index of its file. */
export class QemuPages {
  readonly bytes: number;
  private readonly span = new Uint8Array(SPAN_BYTES);
  /** `span` holds [spanStart, spanEnd) of the file. */
  private spanStart = 0;
  private spanEnd = 0;
  private readonly page = new Uint8Array(TARGET_PAGE_BYTES);
  private readonly changes = new Uint8Array(TARGET_PAGE_BYTES);

  constructor(
    private readonly handle: ReadHandle,
    private readonly index: QemuPageIndex,
  ) {
    this.bytes = index.pages * TARGET_PAGE_BYTES;
  }

  /**
   * Fill `into` with the image's bytes from `position` on, which must all exist. @throws PageferryError `io`
   */
  read(into: Uint8Array, position: number): void {
    this.spanEnd = 0;
    for (let done = 0; done < into.length; ) {
      const number = Math.floor((position + done) / TARGET_PAGE_BYTES);
      const within = (position + done) % TARGET_PAGE_BYTES;
      const length = Math.min(TARGET_PAGE_BYTES - within, into.length - done);
      const last = Math.floor((position + into.length - 1) / TARGET_PAGE_BYTES);
      if (length === TARGET_PAGE_BYTES) this.readPage(number, last, into.subarray(done, done + length));
      else {
        this.readPage(number, number, this.page);
        into.set(this.page.subarray(within, within + length), done);
      }
      done += length;
    }
  }

  /**
   * Count zero bytes from `position` on, up to `maxBytes`, by the index alone. `position` is a multiple of
   * the page size.
   */
  zeroBytesAt(position: number, maxBytes: number): number {
    const first = position / TARGET_PAGE_BYTES;
    const end = Math.min(this.index.pages, Math.floor((position + maxBytes) / TARGET_PAGE_BYTES));
    let page = first;
    while (page < end && this.index.isZero(page)) page++;
    return (page - first) * TARGET_PAGE_BYTES;
  }

  /** `last`: the last page that this `read` will read. */
  private readPage(number: number, last: number, into: Uint8Array): void {
    const full = this.index.offsetOf(number);
    if (full !== undefined) {
      this.readFull(full, number, last, into);
      return;
    }
    const { fill, offset, changes } = this.index.recipe(number);
    if (offset === undefined) into.fill(fill);
    else this.readFile(into, offset);
    for (const change of changes) {
      const bytes = this.changes.subarray(0, change.length);
      this.readFile(bytes, change.offset);
      if (!applyXbzrle(bytes, 0, change.length, into)) throw this.changed(change.offset);
    }
  }

  private readFull(offset: number, number: number, last: number, into: Uint8Array): void {
    if (offset < this.spanStart || offset + TARGET_PAGE_BYTES > this.spanEnd) {
      const end = this.endOfSpan(offset, number, last);
      if (end === offset + TARGET_PAGE_BYTES) {
        this.readFile(into, offset);
        return;
      }
      this.spanEnd = 0;
      this.readFile(this.span.subarray(0, end - offset), offset);
      this.spanStart = offset;
      this.spanEnd = end;
    }
    const from = offset - this.spanStart;
    into.set(this.span.subarray(from, from + TARGET_PAGE_BYTES));
  }

  /** End in the file of the pages that follow this one closely there, in the image's order. */
  private endOfSpan(offset: number, number: number, last: number): number {
    let end = offset + TARGET_PAGE_BYTES;
    for (let next = number + 1; next <= last; next++) {
      const following = this.index.offsetOf(next);
      if (following === undefined) continue;
      const gap = following - end;
      if (gap < 0 || gap > MAX_GAP_BYTES || following + TARGET_PAGE_BYTES - offset > SPAN_BYTES) break;
      end = following + TARGET_PAGE_BYTES;
    }
    return end;
  }

  private readFile(into: Uint8Array, offset: number): void {
    const got = this.handle.readSync(into, offset);
    if (got < into.length) throw this.changed(offset);
  }

  private changed(offset: number): PageferryError {
    return new PageferryError(
      'io',
      `${this.handle.name}: the file was changed at ${offset} while it was read`,
    );
  }
}
