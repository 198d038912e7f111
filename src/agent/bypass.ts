// Pages that bypass the encoder: the body of a BYPASS frame. All integers are little-endian.
//
//   connection u8 | block u16 (0xffff: none) | bytes
//
//   main connection: whole records of pages as QEMU sent them; `block` is that of the record before, which
//   the first one may continue. A channel of multifd: the bytes of one packet, from its first frame to its
//   last; `block` is 0xffff.
//
// Neither host hashes, caches or indexes these pages: both mark them as unknown, and nothing refers to them
// until they are sent again. One digest covers the bodies of all BYPASS frames of a migration: it follows the
// record in the body of the END frame.

import { type Cipher, type CipherGCM, createCipheriv } from 'node:crypto';
import { PageferryError } from '../page/error.js';

export const BYPASS_HEAD_BYTES = 3;
/** Bytes of the digest of all bypassed bytes. */
export const BYPASS_DIGEST_BYTES = 16;
const NO_BLOCK = 0xffff;

/** Head of the body of a BYPASS frame. */
export interface BypassHead {
  readonly connection: number;
  /** Block of the record before; -1 for none. */
  readonly block: number;
}

/** Return the head of the body of a BYPASS frame. */
export function bypassHead({ connection, block }: BypassHead): Uint8Array {
  const head = Buffer.allocUnsafe(BYPASS_HEAD_BYTES);
  head[0] = connection;
  head.writeUInt16LE(block < 0 ? NO_BLOCK : block, 1);
  return head;
}

/** Read the head of the body of a BYPASS frame. @throws PageferryError `bad-stream` */
export function readBypassHead(head: Uint8Array): BypassHead {
  if (head.length < BYPASS_HEAD_BYTES) throw bypassError(`a body of ${head.length} bytes`);
  const block = head[1]! | (head[2]! << 8);
  return { connection: head[0]!, block: block === NO_BLOCK ? -1 : block };
}

/** Return the error for bypassed bytes that are not valid. */
export function bypassError(found: string): PageferryError {
  return new PageferryError('bad-stream', `bypassed bytes: ${found}`);
}

/**
 * The digest of all bypassed bytes: GHASH, the hash of AES-GCM, with a key that everyone knows. It detects
 * accidents, as XXH3 does for other pages; the channel authenticates the sender. The processor computes it
 * where the bytes are: 0.13 s a GiB, CRC-32 of Node 20 takes 0.32 s, and XXH3 of the kernels a copy.
 */
export class BypassDigest {
  private readonly cipher: Cipher & CipherGCM = createCipheriv(
    'aes-128-gcm',
    Buffer.alloc(16),
    Buffer.alloc(12),
  );

  add(bytes: Uint8Array): void {
    this.cipher.setAAD(bytes);
  }

  /** Return the digest; nothing can be added afterwards. */
  end(): Uint8Array {
    this.cipher.final();
    return this.cipher.getAuthTag();
  }
}
