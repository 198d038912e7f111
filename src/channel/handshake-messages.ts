import { type ErrorCode, PageferryError } from '../page/error.js';
import { WireReader, WireWriter } from '../stream/wire.js';
import { ROLE_IDS, type Role } from './frame.js';

/**
 * Version of the frames and of the live streams in them. Hosts of different versions refuse each other, so
 * every incompatible change of either needs a new version.
 */
const PROTOCOL_VERSION = 3;
const MAGIC = new TextEncoder().encode('pgfyhost');
/** Bytes of a session id. */
export const SESSION_ID_BYTES = 16;
const MAX_REASON_CHARACTERS = 1000;
const MAX_STALL_MS = 2 ** 31 - 1;

// HANDSHAKE, HANDSHAKE REPLY: magic | version u16 | role u8 | 0 | stall ms u32 | session id | session id of
// the peer (HANDSHAKE: 0)

/** First message of each host. */
export interface Handshake {
  readonly role: Role;
  /** The host closes the channel when nothing arrives for this time; the peer sends keepalives more often. */
  readonly stallMs: number;
  /** Random, new for every connection, so that frames recorded from another one are refused. */
  readonly sessionId: Uint8Array;
  /** The id that the peer sent; zeros before it sent one. */
  readonly peerSessionId: Uint8Array;
}

/** The session ids of both hosts. */
export interface Session {
  readonly ownId: Uint8Array;
  readonly peerId: Uint8Array;
}

/** Encode a handshake. */
export function encodeHandshake(handshake: Handshake): Uint8Array {
  const to = new WireWriter();
  to.put(MAGIC);
  to.u16(PROTOCOL_VERSION);
  to.u8(ROLE_IDS[handshake.role]);
  to.u8(0);
  to.u32(handshake.stallMs);
  to.put(handshake.sessionId);
  to.put(handshake.peerSessionId);
  return to.bytes;
}

/**
 * Parse the handshake of a peer with this role. @throws PageferryError `unsupported` for another version,
 * `bad-stream`
 */
export function decodeHandshake(body: Uint8Array, role: Role, peer: string): Handshake {
  const from = new WireReader(body, `${peer}: handshake of the ${role}`);
  if (from.take(MAGIC.length).some((byte, i) => byte !== MAGIC[i]))
    throw from.bad('not the handshake of a pageferry agent');
  const version = from.u16();
  if (version !== PROTOCOL_VERSION)
    throw new PageferryError(
      'unsupported',
      `${peer}: the ${role} uses protocol version ${version}, this host version ${PROTOCOL_VERSION}; use the same release on both`,
    );
  const id = from.u8();
  if (id !== ROLE_IDS[role]) throw from.bad(`role ${id}, expected ${ROLE_IDS[role]}`);
  from.reserved(1);
  const stallMs = from.u32();
  if (stallMs < 1 || stallMs > MAX_STALL_MS) throw from.bad(`a stall time of ${stallMs} ms`);
  const sessionId = from.take(SESSION_ID_BYTES).slice();
  const peerSessionId = from.take(SESSION_ID_BYTES).slice();
  from.end();
  return { role, stallMs, sessionId, peerSessionId };
}

/** Read a text: bytes u16 | UTF-8. @throws PageferryError `bad-stream` */
export function readText(from: WireReader): string {
  const bytes = from.take(from.u16());
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw from.bad('a text that is not UTF-8');
  }
}

// REFUSE, FAILED: code | reason, each: bytes u16 | UTF-8

const CODES: readonly string[] = [
  'bad-argument',
  'bad-stream',
  'unsupported',
  'wrong-base',
  'not-identical',
  'limit',
  'bad-image',
  'io',
] satisfies ErrorCode[];

/** Encode the reason of a refusal or failure, cut off at MAX_REASON_CHARACTERS. */
export function encodeReason(error: PageferryError): Uint8Array {
  const to = new WireWriter();
  for (const text of [error.code, error.message.slice(0, MAX_REASON_CHARACTERS)]) {
    const bytes = new TextEncoder().encode(text);
    to.u16(bytes.length);
    to.put(bytes);
  }
  return to.bytes;
}

/** A refusal or failure that the peer has reported. */
export class ReportedError extends PageferryError {}

/**
 * Parse a peer's reason. It is printed in logs and terminals, so control characters are replaced and a long
 * reason is cut off.
 */
export function decodeReason(body: Uint8Array, prefix: string): ReportedError {
  const from = new WireReader(body, 'reason');
  const code = readText(from);
  const reason = readText(from).slice(0, MAX_REASON_CHARACTERS).replace(/\p{C}/gu, ' ');
  return new ReportedError(CODES.includes(code) ? (code as ErrorCode) : 'io', `${prefix}: ${reason}`);
}
