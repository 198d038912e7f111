// Bodies of the frames that a QEMU migration adds to the channel. All integers are little-endian.
//
//   MIGRATE                 destination's session id | cache bytes u64 | has a base u32 | base digest
//   ACCEPT                  cache bytes u64
//   BLOCKS                  { bytes u64 | name bytes u8 | name }
//   LITERAL, RETURN_PATH    connection u8 | bytes
//   RECORD                  page u64 | kind u8 | fill u8 | bytes           kind: 0 page, 1 fill, 2 xbzrle
//   ACK                     connection u8 | idle fraction u8 (255: always) | bytes u64
//   PASS_THROUGH            postcopy u8 | reason
//   OPENED, ENDED, CLOSED   connection u8

import { SESSION_ID_BYTES } from '../channel/handshake-messages.js';
import { PageferryError } from '../page/error.js';
import { MAX_BLOCKS, MAX_RAM_BYTES, type QemuBlock, TARGET_PAGE_BYTES } from '../qemu/format.js';
import { DIGEST_BYTES } from '../stream/format.js';
import { WireReader, WireWriter } from '../stream/wire.js';

/** Announcement of a migration. */
export interface MigrateMessage {
  /** The session id that the destination chose in the handshake: a recorded message does not match. */
  readonly sessionId: Uint8Array;
  /** Bytes of sent pages that the source would cache. */
  readonly cacheBytes: number;
  /** Digest of the source's base image. */
  readonly base: Uint8Array | undefined;
}

const RECORD_KINDS = ['page', 'fill', 'xbzrle'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** One record of QEMU's stream that has to keep its place and form. */
export interface RecordMessage {
  readonly page: number;
  readonly kind: RecordKind;
  readonly fill: number;
  readonly bytes: Uint8Array;
}

/** Bytes of a connection that the destination has processed in total. */
export interface AckMessage {
  readonly connection: number;
  /** Fraction of recent time, 0 to 1, that the destination waited for bytes. */
  readonly idle: number;
  readonly bytes: number;
}

/** From here on the main connection passes through uncoded. */
export interface PassThroughMessage {
  readonly postcopy: boolean;
  readonly reason: string;
}

const MAX_REASON_CHARACTERS = 1000;

/** Return the body of MIGRATE. */
export function migrateBytes({ sessionId, cacheBytes, base }: MigrateMessage): Uint8Array {
  const to = new WireWriter();
  to.put(sessionId);
  to.u64(cacheBytes);
  to.u32(base ? 1 : 0);
  to.put(base ?? new Uint8Array(DIGEST_BYTES));
  return to.bytes;
}

/** Read the body of MIGRATE. @throws PageferryError `bad-stream` */
export function readMigrate(body: Uint8Array): MigrateMessage {
  const from = new WireReader(body, 'announced migration');
  const sessionId = from.take(SESSION_ID_BYTES).slice();
  const cacheBytes = from.u64();
  const hasBase = from.u32();
  if (hasBase > 1) throw from.bad(`base flag ${hasBase}`);
  const digest = from.take(DIGEST_BYTES).slice();
  from.end();
  return { sessionId, cacheBytes, base: hasBase === 1 ? digest : undefined };
}

/** Return the body of ACCEPT. `cacheBytes`: bytes of sent pages that both sides cache. */
export function acceptBytes(cacheBytes: number): Uint8Array {
  const to = new WireWriter();
  to.u64(cacheBytes);
  return to.bytes;
}

/** Return the bytes of sent pages that both sides cache, of ACCEPT. @throws PageferryError `bad-stream` */
export function readAccept(body: Uint8Array, peer: string): number {
  const from = new WireReader(body, `${peer}: accepted migration`);
  const cacheBytes = from.u64();
  from.end();
  return cacheBytes;
}

/** Return the body of ACK. */
export function ackBytes({ connection, idle, bytes }: AckMessage): Uint8Array {
  const to = new WireWriter();
  to.u8(connection);
  to.u8(Math.round(255 * idle));
  to.u64(bytes);
  return to.bytes;
}

/** Read the body of ACK. @throws PageferryError `bad-stream` */
export function readAck(body: Uint8Array): AckMessage {
  const from = new WireReader(body, 'ack');
  const ack = { connection: from.u8(), idle: from.u8() / 255, bytes: from.u64() };
  from.end();
  return ack;
}

/** Return the body of PASS_THROUGH; a long reason is cut. */
export function passThroughBytes({ postcopy, reason }: PassThroughMessage): Uint8Array {
  const text = new TextEncoder().encode(reason.slice(0, MAX_REASON_CHARACTERS));
  return Buffer.concat([Uint8Array.of(postcopy ? 1 : 0), text]);
}

/** Read the body of PASS_THROUGH; control characters of the reason become spaces. */
export function readPassThrough(body: Uint8Array): PassThroughMessage {
  return {
    postcopy: body[0] === 1,
    reason: new TextDecoder().decode(body.subarray(1)).replace(/\p{C}/gu, ' '),
  };
}

/** Return the body of BLOCKS. Block names are Latin-1: one byte a character. */
export function blocksBytes(blocks: readonly QemuBlock[]): Uint8Array {
  const to = new WireWriter();
  for (const { name, bytes } of blocks) {
    to.u64(bytes);
    to.u8(name.length);
    to.put(Uint8Array.from(name, (letter) => letter.charCodeAt(0)));
  }
  return to.bytes;
}

/** Read the body of BLOCKS; blocks are whole pages. @throws PageferryError `bad-stream` */
export function readBlocks(body: Uint8Array): QemuBlock[] {
  const from = new WireReader(body, 'table of blocks');
  const blocks: QemuBlock[] = [];
  let total = 0;
  while (from.left > 0) {
    const bytes = from.u64();
    const name = String.fromCharCode(...from.take(from.u8()));
    total += bytes;
    if (blocks.push({ name, bytes }) > MAX_BLOCKS || total > MAX_RAM_BYTES)
      throw from.bad(`${blocks.length} blocks of ${total} bytes`);
    if (bytes % TARGET_PAGE_BYTES !== 0) throw from.bad(`a block of ${bytes} bytes`);
  }
  if (blocks.length === 0) throw new PageferryError('bad-stream', 'table of blocks: it is empty');
  return blocks;
}

/** Return the body of RECORD before its bytes. */
export function recordHead(page: number, kind: RecordKind, fill = 0): Uint8Array {
  const to = new WireWriter();
  to.u64(page);
  to.u8(RECORD_KINDS.indexOf(kind));
  to.u8(fill);
  return to.bytes;
}

/** Read the body of RECORD; its bytes are a view of it. @throws PageferryError `bad-stream` */
export function readRecord(body: Uint8Array): RecordMessage {
  const from = new WireReader(body, 'record');
  const page = from.u64();
  const kind = RECORD_KINDS[from.u8()];
  const fill = from.u8();
  const bytes = from.take(from.left);
  if (kind === undefined) throw from.bad('a kind that this version does not know');
  const isRightLength =
    kind === 'page'
      ? bytes.length === TARGET_PAGE_BYTES
      : kind === 'fill'
        ? bytes.length === 0
        : bytes.length < TARGET_PAGE_BYTES;
  if (!isRightLength) throw from.bad(`a ${kind} record of ${bytes.length} bytes`);
  return { page, kind, fill, bytes };
}
