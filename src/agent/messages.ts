// What a migration of QEMU adds to the channel between two hosts. All integers are little-endian.
//
//   MIGRATE  the destination's session id | cache bytes u64 | has a base u32 | base digest
//   ACCEPT   cache bytes u64
//   BLOCKS   { bytes u64 | name bytes u8 | name }
//   LITERAL  connection u8 | bytes            RETURN  connection u8 | bytes
//   RECORD   page u64 | kind u8 | fill u8 | bytes      kind: 0 page, 1 fill, 2 xbzrle
//   TAKEN    connection u8 | idle u8 (255: all the time) | bytes u64     OPENED, ENDED, CLOSED   connection u8

import { SESSION_ID_BYTES } from '../channel/handshake-messages.js';
import { PageferryError } from '../page/error.js';
import { DIGEST_BYTES } from '../stream/format.js';
import { WireReader, WireWriter } from '../stream/wire.js';

/** A stretch of the guest's memory. */
export interface BlockInfo {
  /** One character a byte. */
  readonly name: string;
  readonly bytes: number;
}

export interface MigrateInfo {
  readonly answers: Uint8Array;
  /** What the source would keep of pages as they were sent. */
  readonly cacheBytes: number;
  readonly base: Uint8Array | undefined;
}

const RECORD_KINDS = ['page', 'fill', 'xbzrle'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

const MAX_BLOCKS = 4096;
const MAX_RAM_BYTES = 2 ** 43;
const TARGET_PAGE_BYTES = 4096;

export function migrateBytes({ answers, cacheBytes, base }: MigrateInfo): Uint8Array {
  const to = new WireWriter();
  to.put(answers);
  to.u64(cacheBytes);
  to.u32(base ? 1 : 0);
  to.put(base ?? new Uint8Array(DIGEST_BYTES));
  return to.bytes;
}

export function readMigrate(body: Uint8Array): MigrateInfo {
  const from = new WireReader(body, 'announced migration');
  const answers = from.take(SESSION_ID_BYTES).slice();
  const cacheBytes = from.u64();
  const hasBase = from.u32();
  if (hasBase > 1) throw from.bad(`base flag ${hasBase}`);
  const digest = from.take(DIGEST_BYTES).slice();
  from.end();
  return { answers, cacheBytes, base: hasBase === 1 ? digest : undefined };
}

export function numberBytes(value: number): Uint8Array {
  const to = new WireWriter();
  to.u64(value);
  return to.bytes;
}

export function readNumber(body: Uint8Array, what: string): number {
  const from = new WireReader(body, what);
  const value = from.u64();
  from.end();
  return value;
}

/** So many bytes of what came for a connection are done with; `idle`: in which share of the time, lately, this side waited for more, 0 … 1. */
export function takenBytes(connection: number, idle: number, bytes: number): Uint8Array {
  const to = new WireWriter();
  to.u8(connection);
  to.u8(Math.round(255 * idle));
  to.u64(bytes);
  return to.bytes;
}

export function readTaken(body: Uint8Array): { connection: number; idle: number; bytes: number } {
  const from = new WireReader(body, 'taken');
  const taken = { connection: from.u8(), idle: from.u8() / 255, bytes: from.u64() };
  from.end();
  return taken;
}

export function blocksBytes(blocks: readonly BlockInfo[]): Uint8Array {
  const to = new WireWriter();
  for (const { name, bytes } of blocks) {
    to.u64(bytes);
    to.u8(name.length);
    to.put(Uint8Array.from(name, (letter) => letter.charCodeAt(0)));
  }
  return to.bytes;
}

export function readBlocks(body: Uint8Array): BlockInfo[] {
  const from = new WireReader(body, 'table of blocks');
  const blocks: BlockInfo[] = [];
  let sum = 0;
  while (from.left > 0) {
    const bytes = from.u64();
    const name = String.fromCharCode(...from.take(from.u8()));
    sum += bytes;
    if (blocks.push({ name, bytes }) > MAX_BLOCKS || sum > MAX_RAM_BYTES)
      throw from.bad(`${blocks.length} blocks of ${sum} bytes`);
    if (bytes % TARGET_PAGE_BYTES !== 0) throw from.bad(`a block of ${bytes} bytes`);
  }
  if (blocks.length === 0) throw new PageferryError('bad-stream', 'table of blocks: it is empty');
  return blocks;
}

/** The head of a RECORD. */
export function recordHead(page: number, kind: RecordKind, fill = 0): Uint8Array {
  const to = new WireWriter();
  to.u64(page);
  to.u8(RECORD_KINDS.indexOf(kind));
  to.u8(fill);
  return to.bytes;
}

export function readRecord(body: Uint8Array): {
  page: number;
  kind: RecordKind;
  fill: number;
  bytes: Uint8Array;
} {
  const from = new WireReader(body, 'record');
  const page = from.u64();
  const kind = RECORD_KINDS[from.u8()];
  const fill = from.u8();
  const bytes = from.take(from.left);
  if (kind === undefined) throw from.bad('a kind that this version does not know');
  const right =
    kind === 'page'
      ? bytes.length === TARGET_PAGE_BYTES
      : kind === 'fill'
        ? bytes.length === 0
        : bytes.length < TARGET_PAGE_BYTES;
  if (!right) throw from.bad(`a ${kind} record of ${bytes.length} bytes`);
  return { page, kind, fill, bytes };
}
