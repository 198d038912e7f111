// GUEST: session id of the destination | page bytes u32 | pages u64 | has base u32 | base digest | name |
// tenant name, tenant: bytes u16 | UTF-8

import { DIGEST_BYTES, PAGE_BYTES, type PageBytes } from '../stream/format.js';
import { nameBytes } from '../stream/image-records.js';
import { WireReader, WireWriter } from '../stream/wire.js';
import { readText, SESSION_ID_BYTES } from './handshake-messages.js';

/** A guest as its source announces it. */
export interface GuestInfo {
  readonly name: string;
  /** Owner of the guest, as the source claims. */
  readonly tenant: string;
  readonly pageBytes: PageBytes;
  readonly pages: number;
  /** Digest of the base image that both hosts have, 16 bytes. */
  readonly base?: Uint8Array | undefined;
}

/** Encode the announcement of a guest to the peer with this session id. */
export function encodeGuest(guest: GuestInfo, peerSessionId: Uint8Array): Uint8Array {
  const to = new WireWriter();
  to.put(peerSessionId);
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

/** Parse the announcement of a guest. @throws PageferryError `bad-stream` */
export function decodeGuest(body: Uint8Array): GuestInfo & { readonly peerSessionId: Uint8Array } {
  const from = new WireReader(body, 'announced guest');
  const peerSessionId = from.take(SESSION_ID_BYTES).slice();
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
  return { peerSessionId, pageBytes, pages, base: hasBase === 1 ? digest : undefined, name, tenant };
}
