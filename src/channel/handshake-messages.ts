import { type ErrorCode, PageferryError } from '../page/error.js';
import { DIGEST_BYTES, PAGE_BYTES, type PageBytes } from '../stream/format.js';
import { nameBytes } from '../stream/image-records.js';
import { WireReader, WireWriter } from '../stream/wire.js';
import { ROLE_IDS, type Role } from './frame.js';

const PROTOCOL_VERSION = 1;
const MAGIC = new TextEncoder().encode('pgfyhost');
export const SESSION_ID_BYTES = 16;
const MAX_REASON_CHARACTERS = 1000;
const MAX_STALL_MS = 2 ** 31 - 1;

// HELLO, WELCOME: magic | version u16 | role u8 | 0 | stall ms u32 | session id | session id of the other side, zeros in a hello

/** What each side says of itself first. */
export interface Handshake {
  readonly role: Role;
  /** It gives up when nothing comes for so long; the other side says that it is there more often than that. */
  readonly stallMs: number;
  /** Random, new for every connection: what was recorded of another one does not fit. */
  readonly sessionId: Uint8Array;
  readonly peerSessionId: Uint8Array;
}

/** The ids that the two sides gave each other. */
export interface Session {
  readonly ownId: Uint8Array;
  readonly peerId: Uint8Array;
}

export function encodeHandshake(greeting: Handshake): Uint8Array {
  const to = new WireWriter();
  to.put(MAGIC);
  to.u16(PROTOCOL_VERSION);
  to.u8(ROLE_IDS[greeting.role]);
  to.u8(0);
  to.u32(greeting.stallMs);
  to.put(greeting.sessionId);
  to.put(greeting.peerSessionId);
  return to.bytes;
}

/** @throws PageferryError `unsupported` for another version, naming both */
export function decodeHandshake(body: Uint8Array, role: Role, peer: string): Handshake {
  const what = `${peer}: greeting of the ${role}`;
  const from = new WireReader(body, what);
  if (from.take(MAGIC.length).some((byte, i) => byte !== MAGIC[i]))
    throw from.bad('not the greeting of an agent');
  const version = from.u16();
  if (version !== PROTOCOL_VERSION)
    throw new PageferryError(
      'unsupported',
      `${peer}: the ${role} speaks protocol version ${version}, this side version ${PROTOCOL_VERSION}`,
    );
  const id = from.u8();
  if (id !== ROLE_IDS[role]) throw from.bad(`role ${id}, expected ${ROLE_IDS[role]}`);
  from.reserved(1);
  const stallMs = from.u32();
  if (stallMs < 1 || stallMs > MAX_STALL_MS) throw from.bad(`a stall of ${stallMs} ms`);
  const sessionId = from.take(SESSION_ID_BYTES).slice();
  const answers = from.take(SESSION_ID_BYTES).slice();
  from.end();
  return { role, stallMs, sessionId, peerSessionId: answers };
}

// GUEST: the destination's session id | page bytes u32 | pages u64 | has a base u8 | 0 x 3 | base digest | name | tenant
// name, tenant: bytes u16 | UTF-8

/** A guest as it is announced. */
export interface GuestInfo {
  readonly name: string;
  /** Whose guest it is. */
  readonly tenant: string;
  readonly pageBytes: PageBytes;
  readonly pages: number;
  /** The digest of the image that both hosts hold. */
  readonly base?: Uint8Array | undefined;
}

export function encodeGuest(guest: GuestInfo, answers: Uint8Array): Uint8Array {
  const to = new WireWriter();
  to.put(answers);
  to.u32(guest.pageBytes);
  to.u64(guest.pages);
  to.u32(guest.base ? 1 : 0);
  to.put(guest.base ?? new Uint8Array(DIGEST_BYTES));
  for (const text of [guest.name, guest.tenant]) {
    const bytes = nameBytes(text);
    to.u16(bytes.length);
    to.put(bytes);
  }
  return to.bytes;
}

export function decodeGuest(body: Uint8Array): GuestInfo & { readonly answers: Uint8Array } {
  const from = new WireReader(body, 'announced guest');
  const answers = from.take(SESSION_ID_BYTES).slice();
  const pageBytes = from.u32() as PageBytes;
  if (!PAGE_BYTES.includes(pageBytes)) throw from.bad(`pages of ${pageBytes} bytes`);
  const pages = from.u64();
  if (pages < 1 || !Number.isSafeInteger(pages * pageBytes)) throw from.bad(`${pages} pages`);
  const hasBase = from.u32();
  if (hasBase > 1) throw from.bad(`base flag ${hasBase}`);
  const digest = from.take(DIGEST_BYTES).slice();
  const name = readText(from);
  const tenant = readText(from);
  from.end();
  return { answers, pageBytes, pages, base: hasBase === 1 ? digest : undefined, name, tenant };
}

function readText(from: WireReader): string {
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

export function encodeReason(error: PageferryError): Uint8Array {
  const to = new WireWriter();
  for (const text of [error.code, error.message.slice(0, MAX_REASON_CHARACTERS)]) {
    const bytes = new TextEncoder().encode(text);
    to.u16(bytes.length);
    to.put(bytes);
  }
  return to.bytes;
}

/** What the other side says went wrong. It ends up in logs and terminals, so nothing but text is left of it. */
export function decodeReason(body: Uint8Array, verb: string): PageferryError {
  const from = new WireReader(body, 'reason');
  const code = readText(from);
  const reason = readText(from).slice(0, MAX_REASON_CHARACTERS).replace(/\p{C}/gu, ' ');
  return new PageferryError(CODES.includes(code) ? (code as ErrorCode) : 'io', `${verb}: ${reason}`);
}
