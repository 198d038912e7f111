import { crc32 } from 'node:zlib';
import { PageferryError } from '../page/error.js';
import { hex, WireReader } from '../stream/wire.js';
import { tlsRecordReason } from './tls-on-one-side.js';

/**
 * Head of a frame of the channel between two hosts. Every integer is little-endian.
 *
 *     frame = body bytes u32 | type u8 | 0 x 3 | sequence u64 | body check u32 | head check u32 | body
 *
 * `sequence` counts the frames of one direction from 0, whatever their type. The body check is CRC-32 of the
 * body, and 0 for PAGES and BYPASS: records of the page stream have checks of their own, and a digest covers
 * all bypassed bytes (CRC-32 took 0.3 s a GiB on each host). The head check is CRC-32 of the bytes before it,
 * seeded with the sender's role, so that a frame that is sent back to its sender is refused. Checks detect
 * accidents where the transport is plain TCP; TLS detects attackers.
 */
export interface ChannelFrameHead {
  readonly type: FrameType;
  readonly bodyBytes: number;
  readonly bodyCheck: number;
}

/** One frame of the channel. */
export class ChannelFrame {
  private joined: Uint8Array | undefined;

  constructor(
    readonly type: FrameType,
    /** The body, in one piece or more. */
    readonly parts: readonly Uint8Array[],
    /** Bytes of the body. */
    readonly bytes: number,
  ) {}

  /** The body in one piece; several parts are copied. */
  get body(): Uint8Array {
    this.joined ??= this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.bytes);
    return this.joined;
  }
}

/**
 * Bytes of a frame's head. The head, and the first two fields of a handshake, are the same in all versions of
 * the protocol.
 */
export const HEAD_BYTES = 24;

/** Types of frames, by their ids on the wire. */
export const FRAME = {
  /** First frame of the source: magic, version, role, session id. */
  HANDSHAKE: 1,
  /** First frame of the destination: the same fields. */
  HANDSHAKE_REPLY: 2,
  /** The request is refused; the body is the reason. Nothing has started. Ends the channel. */
  REFUSE: 3,
  /** Announces a guest. */
  GUEST: 4,
  /** Accepts the announced guest or migration. */
  ACCEPT: 5,
  /** Bytes of the guest's live stream, cut anywhere. */
  PAGES: 6,
  /** The last record of the guest's live stream, with its digest. */
  END: 7,
  /** The destination holds the guest and has verified its digest. */
  VERIFIED: 8,
  /** The source has given up the guest: the destination applies it. */
  COMMIT: 9,
  /** The destination has applied the guest. */
  COMMITTED: 10,
  /** The migration has failed; the body is the reason. Ends the channel. */
  FAILED: 11,
  /**
   * Sent when nothing else is, so that the peer does not stall, and with a report as its body. A peer that
   * does not know the report ignores it.
   */
  KEEPALIVE: 12,
  /** Announces a migration of QEMU: cache size and base image of the source. */
  MIGRATE: 13,
  /** The guest's memory blocks, by name and size. */
  BLOCKS: 14,
  /** Bytes of one of QEMU's connections, unchanged. */
  LITERAL: 15,
  /** One record of QEMU's stream, unchanged: it must not be delayed, dropped or coded. */
  RECORD: 16,
  /** Bytes of QEMU's return path. */
  RETURN_PATH: 17,
  /** Bytes of a connection that the destination has processed. */
  ACK: 18,
  /** QEMU opened another connection. */
  OPENED: 19,
  /** QEMU closed a connection. */
  ENDED: 20,
  /** The destination's QEMU closed a connection: it has all that it needs, or it failed. */
  CLOSED: 21,
  /** The main connection is passed through unparsed from here on; the body is the reason. */
  PASS_THROUGH: 22,
  /** Bytes of QEMU's stream with pages, not encoded: the link is faster than encoding. */
  BYPASS: 23,
  /** This host closes the channel in good order. */
  CLOSE: 24,
  /** A question of `pageferry agent check`, in place of MIGRATE. */
  CHECK: 25,
  /** The answer to a CHECK. */
  CHECK_ANSWER: 26,
  /** The packets of multifd that the next pages belong to. */
  PACKETS: 27,
} as const;
/** Id of a frame type on the wire. */
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

const NAMES = new Map<number, string>(
  Object.entries(FRAME).map(([name, type]) => [type, name.toLowerCase().replaceAll('_', ' ')]),
);

/**
 * Maximum bytes of a frame that carries pages or bytes of a connection. Small, so that a slow link shows
 * progress.
 */
export const MAX_BODY_BYTES = 1 << 17;
/** Maximum bytes of every other frame. */
const MAX_SMALL_BODY_BYTES = 1 << 13;
const LARGE_TYPES: ReadonlySet<number> = new Set([
  FRAME.PAGES,
  FRAME.LITERAL,
  FRAME.RETURN_PATH,
  FRAME.BLOCKS,
  FRAME.BYPASS,
  FRAME.CHECK,
  FRAME.PACKETS,
]);
/** Types whose body is checked by its reader. */
const UNCHECKED_TYPES: ReadonlySet<number> = new Set([FRAME.PAGES, FRAME.BYPASS]);

/** The two hosts of a channel: the source connects and sends pages, the destination listens. */
export type Role = 'source' | 'destination';
/** Id of each role on the wire. */
export const ROLE_IDS: Readonly<Record<Role, number>> = { source: 1, destination: 2 };

/** Return the name of a frame type, for messages. */
function frameName(type: number): string {
  return NAMES.get(type) ?? `type ${type}`;
}

/** Return the head of a frame whose body is `parts`. */
export function frameHead(
  role: Role,
  type: FrameType,
  sequence: number,
  parts: readonly Uint8Array[],
): Uint8Array {
  let bodyBytes = 0;
  for (const part of parts) bodyBytes += part.length;
  const bodyCheck = UNCHECKED_TYPES.has(type) ? 0 : checkOf(parts);
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32LE(bodyBytes, 0);
  head.writeUInt32LE(type, 4);
  head.writeBigUInt64LE(BigInt(sequence), 8);
  head.writeUInt32LE(bodyCheck, 16);
  head.writeUInt32LE(crc32(head.subarray(0, HEAD_BYTES - 4), ROLE_IDS[role]), HEAD_BYTES - 4);
  return head;
}

/** Return a whole frame; `parts` are copied. */
export function frameBytes(
  role: Role,
  type: FrameType,
  sequence: number,
  parts: readonly Uint8Array[],
): Uint8Array {
  return Buffer.concat([frameHead(role, type, sequence, parts), ...parts]);
}

/**
 * Read a frame's head: `role` is the sender's, `expected` the sequence number. The length is within the limit
 * of the type.
 * @throws PageferryError `bad-stream`
 */
export function readChannelFrameHead(
  bytes: Uint8Array,
  role: Role,
  expected: number,
  label: string,
): ChannelFrameHead {
  const stored = new WireReader(bytes.subarray(HEAD_BYTES - 4), label).u32();
  const computed = crc32(bytes.subarray(0, HEAD_BYTES - 4), ROLE_IDS[role]);
  const bad = (found: string) => new PageferryError('bad-stream', `${label}: ${found}`);
  if (stored !== computed)
    throw bad(
      (expected === 0 ? tlsRecordReason(bytes) : undefined) ??
        `head check is ${hex(stored)}, its bytes give ${hex(computed)}: altered, or the peer is not a pageferry agent`,
    );
  const from = new WireReader(bytes, label);
  const bodyBytes = from.u32();
  const type = from.u8();
  from.reserved(3);
  const sequence = from.u64();
  if (sequence !== expected) throw bad(`has number ${sequence}: repeated, lost or out of order`);
  if (!NAMES.has(type)) throw bad(`${frameName(type)}, this version knows 1 … ${NAMES.size}`);
  const limit = LARGE_TYPES.has(type) ? MAX_BODY_BYTES : MAX_SMALL_BODY_BYTES;
  if (bodyBytes > limit) throw bad(`${frameName(type)} of ${bodyBytes} bytes, at most ${limit}`);
  // Frames without a byte would pass the limits, which count bytes.
  if (bodyBytes === 0 && LARGE_TYPES.has(type)) throw bad(`${frameName(type)} without a byte`);
  return { type: type as FrameType, bodyBytes, bodyCheck: from.u32() };
}

/** Verify a frame's body, given in parts. @throws PageferryError `bad-stream` */
export function checkBody(head: ChannelFrameHead, parts: readonly Uint8Array[], label: string): void {
  const computed = UNCHECKED_TYPES.has(head.type) ? 0 : checkOf(parts);
  if (computed === head.bodyCheck) return;
  throw new PageferryError(
    'bad-stream',
    `${label}: ${frameName(head.type)}: check is ${hex(head.bodyCheck)}, its bytes give ${hex(computed)}`,
  );
}

function checkOf(parts: readonly Uint8Array[]): number {
  let check = 0;
  for (const part of parts) check = crc32(part, check);
  return check;
}

/** Split bytes into bodies of at most `MAX_BODY_BYTES - headBytes` bytes. */
export function* splitBodies(parts: Iterable<Uint8Array>, headBytes = 0): Generator<Uint8Array[]> {
  let body: Uint8Array[] = [];
  const maxBytes = MAX_BODY_BYTES - headBytes;
  let free = maxBytes;
  for (const part of parts)
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + free);
      body.push(piece);
      at += piece.length;
      free -= piece.length;
      if (free > 0) continue;
      yield body;
      body = [];
      free = maxBytes;
    }
  if (body.length > 0) yield body;
}

/** Return the error for a frame, or the end of the channel, in place of a frame of type `expected`. */
export function unexpectedFrame(
  peer: string,
  frame: ChannelFrame | undefined,
  expected: FrameType,
): PageferryError {
  const found = frame ? `a frame "${frameName(frame.type)}"` : 'the end of the channel';
  const message = `${peer}: ${found} where "${frameName(expected)}" was expected`;
  return new PageferryError(frame ? 'bad-stream' : 'io', message);
}
