// Pages that bypass the encoder: the body of an BYPASS frame. All integers are little-endian.
//
//   entries u16 | entries x { page u32 | kind u8 | fill u8 } | the bytes of the pages of kind 0, in order
//
//   kind: 0 page, 1 fill (every byte is `fill`)

import { MAX_BODY_BYTES } from '../channel/frame.js';
import { type CodecCounts, emptyCounts } from '../engine/frame/counters.js';
import { BYPASSED_PAGE, BYPASSED_UNCHANGED } from '../engine/live/page-sender.js';
import { PageferryError } from '../page/error.js';

const PAGE_BYTES = 4096;
const COUNT_BYTES = 2;
const ENTRY_BYTES = 6;
const MAX_ENTRIES = 4096;
const KIND = { page: 0, fill: 1 } as const;

/** Received uncompressed pages. */
export interface BypassedPages {
  readonly pages: readonly number[];
  /** By page: `BYPASSED_PAGE`, or the byte that fills it. */
  readonly kinds: readonly number[];
  /** Bytes of the pages that are no fill, in order. */
  readonly bytes: Uint8Array;
}

/**
 * Return frame bodies with the pages of these numbers, each body as its parts: the entries, and runs of pages
 * in `buffer`, which has the bytes of all pages, in order.
 */
export function bypassBodies(
  pages: readonly number[],
  kinds: ArrayLike<number>,
  buffer: Uint8Array,
): Uint8Array[][] {
  const bodies: Uint8Array[][] = [];
  let entries: number[] = [];
  let bytes = COUNT_BYTES;
  const close = () => {
    if (entries.length > 0) bodies.push(body(pages, kinds, buffer, entries));
    entries = [];
    bytes = COUNT_BYTES;
  };
  for (let i = 0; i < pages.length; i++) {
    const kind = kinds[i]!;
    if (kind === BYPASSED_UNCHANGED) continue;
    const more = ENTRY_BYTES + (kind === BYPASSED_PAGE ? PAGE_BYTES : 0);
    if (bytes + more > MAX_BODY_BYTES || entries.length === MAX_ENTRIES) close();
    entries.push(i);
    bytes += more;
  }
  close();
  return bodies;
}

function body(
  pages: readonly number[],
  kinds: ArrayLike<number>,
  buffer: Uint8Array,
  entries: readonly number[],
): Uint8Array[] {
  const table = Buffer.allocUnsafe(COUNT_BYTES + ENTRY_BYTES * entries.length);
  table.writeUInt16LE(entries.length, 0);
  const parts: Uint8Array[] = [table];
  let at = COUNT_BYTES;
  // The run of pages that ends with the last entry.
  let from = 0;
  let to = 0;
  for (const i of entries) {
    const kind = kinds[i]!;
    table.writeUInt32LE(pages[i]!, at);
    table[at + 4] = kind === BYPASSED_PAGE ? KIND.page : KIND.fill;
    table[at + 5] = kind === BYPASSED_PAGE ? 0 : kind;
    at += ENTRY_BYTES;
    if (kind !== BYPASSED_PAGE) continue;
    if (i !== to) {
      if (to > from) parts.push(buffer.subarray(from * PAGE_BYTES, to * PAGE_BYTES));
      from = i;
    }
    to = i + 1;
  }
  if (to > from) parts.push(buffer.subarray(from * PAGE_BYTES, to * PAGE_BYTES));
  return parts;
}

/** Return the counts by codec of `pages` pages of these kinds. */
export function bypassCounts(pages: number, kinds: ArrayLike<number>): CodecCounts {
  const counts = emptyCounts();
  for (let i = 0; i < pages; i++) {
    const kind = kinds[i]!;
    const count = counts[codecOf(kind)];
    count.pages++;
    if (kind === BYPASSED_PAGE) count.bytes += PAGE_BYTES;
  }
  return counts;
}

function codecOf(kind: number): 'raw' | 'unchanged' | 'zero' | 'fill' {
  if (kind === BYPASSED_PAGE) return 'raw';
  if (kind === BYPASSED_UNCHANGED) return 'unchanged';
  return kind === 0 ? 'zero' : 'fill';
}

/** @throws PageferryError `bad-stream` */
export function readBypass(body: Uint8Array, guestPages: number): BypassedPages {
  const bad = (found: string) => new PageferryError('bad-stream', `uncompressed pages: ${found}`);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const count = body.length >= COUNT_BYTES ? view.getUint16(0, true) : 0;
  const dataAt = COUNT_BYTES + ENTRY_BYTES * count;
  if (count === 0 || count > MAX_ENTRIES || dataAt > body.length)
    throw bad(`${count} entries in ${body.length} bytes`);
  const pages: number[] = [];
  const kinds: number[] = [];
  let left = body.length - dataAt;
  for (let at = COUNT_BYTES; at < dataAt; at += ENTRY_BYTES) {
    const page = view.getUint32(at, true);
    const kind = body[at + 4]!;
    if (page >= guestPages) throw bad(`page ${page}: the guest has ${guestPages}`);
    if (kind > KIND.fill) throw bad(`page ${page}: kind ${kind}, which this version does not know`);
    pages.push(page);
    kinds.push(kind === KIND.page ? BYPASSED_PAGE : body[at + 5]!);
    if (kind === KIND.page) left -= PAGE_BYTES;
  }
  if (left !== 0) throw bad(`${body.length} bytes, its entries have ${body.length - left}`);
  return { pages, kinds, bytes: body.subarray(dataAt) };
}
