import { crc32 } from 'node:zlib';
import { PageferryError } from '../page/error.js';
import { hex, WireReader, WireWriter } from '../stream/wire.js';

/**
 * A frame of the channel between two hosts. Every integer is little-endian.
 *
 *     frame = body bytes u32 | type u8 | 0 x 3 | sequence u64 | body check u32 | head check u32 | body
 *
 * `sequence` counts the frames of one direction from 0, whatever their type. The body's check is CRC-32 of the body; the head's is
 * CRC-32 of all that stands before it, begun with the role of the side that sends (so that a frame that is sent back to its sender
 * is refused). They find accidents where the channel is plain TCP; against people there is TLS.
 */
export interface ChannelFrameHead {
  readonly type: FrameType;
  readonly bodyBytes: number;
  readonly bodyCheck: number;
}

export interface ChannelFrame {
  readonly type: FrameType;
  readonly body: Uint8Array;
}

/** The head and the first two fields of a greeting are for all versions of the protocol; what follows is of this one. */
export const HEAD_BYTES = 24;

export const FRAME = {
  /** Who connects begins: magic, version, role, session id. */
  HANDSHAKE: 1,
  HANDSHAKE_REPLY: 2,
  /** Nothing was begun, and why. Ends the channel. */
  REFUSE: 3,
  /** A guest that is to come. */
  GUEST: 4,
  ACCEPT: 5,
  /** Bytes of the guest's stream, cut anywhere. */
  PAGES: 6,
  /** The last record of the guest's stream, which has its digest. */
  END: 7,
  /** The destination holds the guest, and its digest is the one that was sent. */
  VERIFIED: 8,
  /** The source has let go: the destination may apply it. */
  COMMIT: 9,
  /** It was applied. */
  COMMITTED: 10,
  /** What was begun is given up, and why. Ends the channel. */
  FAILED: 11,
  /** This side is there, and has nothing to say. */
  KEEPALIVE: 12,
  /** A migration of QEMU that is to come: what the source would keep, and which base it has. */
  MIGRATE: 13,
  /** The guest's blocks of memory, by name and size. */
  BLOCKS: 14,
  /** Bytes of one of QEMU's connections, as they are. */
  LITERAL: 15,
  /** One record of QEMU's, as it is: what was not to be held back, dropped or coded. */
  RECORD: 16,
  /** Bytes of the return path. */
  RETURN_PATH: 17,
  /** How much of what was sent the destination is done with. */
  ACK: 18,
  /** QEMU opened another connection; QEMU closed one. */
  OPENED: 19,
  ENDED: 20,
  /** The destination's QEMU closed one: it has all that it needs, or it gave up. */
  CLOSED: 21,
  /** The main connection is passed on as it is from here on, and why. */
  PASS_THROUGH: 22,
  /** Pages as they are, not looked at: the link has taken them before anything shorter is found. */
  BYPASS: 23,
} as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

const NAMES = new Map<number, string>(
  Object.entries(FRAME).map(([name, type]) => [type, name.toLowerCase()]),
);

/** Most bytes of pages that one frame takes: a slow link shows its progress, and nobody has to hold much. */
export const MAX_BODY_BYTES = 1 << 17;
const MAX_SMALL_BODY_BYTES = 1 << 13;
const LARGE_TYPES: ReadonlySet<number> = new Set([
  FRAME.PAGES,
  FRAME.LITERAL,
  FRAME.RETURN_PATH,
  FRAME.BLOCKS,
  FRAME.BYPASS,
]);

/** The two sides: pages go from the source, which begins, to the destination, which listens. */
export type Role = 'source' | 'destination';
export const ROLE_IDS: Readonly<Record<Role, number>> = { source: 1, destination: 2 };

/** A type as people read it. */
export function frameName(type: number): string {
  return NAMES.get(type) ?? `type ${type}`;
}

/** The whole frame in one piece; `parts` are copied. */
export function frameBytes(
  role: Role,
  type: FrameType,
  sequence: number,
  parts: readonly Uint8Array[],
): Uint8Array {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + parts.reduce((sum, { length }) => sum + length, 0));
  const body = frame.subarray(HEAD_BYTES);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  const head = new WireWriter();
  head.u32(body.length);
  head.u32(type);
  head.u64(sequence);
  head.u32(crc32(body));
  head.u32(crc32(head.bytes, ROLE_IDS[role]));
  frame.set(head.bytes);
  return frame;
}

/** @throws PageferryError `bad-stream` for a head that is not the one that has to come; its length is within its type's limit */
export function readChannelFrameHead(
  bytes: Uint8Array,
  role: Role,
  expected: number,
  what: string,
): ChannelFrameHead {
  const stored = new WireReader(bytes.subarray(HEAD_BYTES - 4), what).u32();
  const computed = crc32(bytes.subarray(0, HEAD_BYTES - 4), ROLE_IDS[role]);
  const bad = (found: string) => new PageferryError('bad-stream', `${what}: ${found}`);
  if (stored !== computed)
    throw bad(
      `its head's check is ${hex(stored)}, its bytes give ${hex(computed)}: altered, or not from such an agent`,
    );
  const from = new WireReader(bytes, what);
  const bodyBytes = from.u32();
  const type = from.u8();
  from.reserved(3);
  const sequence = from.u64();
  if (sequence !== expected)
    throw bad(`number ${sequence} came in its place: repeated, lost or out of order`);
  if (!NAMES.has(type)) throw bad(`${frameName(type)}, this version knows 1 … ${NAMES.size}`);
  const limit = LARGE_TYPES.has(type) ? MAX_BODY_BYTES : MAX_SMALL_BODY_BYTES;
  if (bodyBytes > limit) throw bad(`${frameName(type)} of ${bodyBytes} bytes, at most ${limit}`);
  return { type: type as FrameType, bodyBytes, bodyCheck: from.u32() };
}

/** @throws PageferryError `bad-stream` when the body is not what its head says */
export function checkBody(head: ChannelFrameHead, body: Uint8Array, what: string): void {
  const computed = crc32(body);
  if (computed === head.bodyCheck) return;
  throw new PageferryError(
    'bad-stream',
    `${what}: ${frameName(head.type)}: check is ${hex(head.bodyCheck)}, its bytes give ${hex(computed)}`,
  );
}

/** Cuts bytes into bodies of at most `PAGES_BYTES`, less what stands before each. */
export function* splitBodies(parts: Iterable<Uint8Array>, headBytes = 0): Generator<Uint8Array[]> {
  let body: Uint8Array[] = [];
  const most = MAX_BODY_BYTES - headBytes;
  let room = most;
  for (const part of parts)
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + room);
      body.push(piece);
      at += piece.length;
      room -= piece.length;
      if (room > 0) continue;
      yield body;
      body = [];
      room = most;
    }
  if (body.length > 0) yield body;
}
