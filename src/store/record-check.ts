import { createHash, hash } from 'node:crypto';
import { PageferryError } from '../page/error.js';

/** Bytes of a record's check. */
const CHECK_BYTES = 4;
/** Buffer for a short record and its name: hashing both by one call takes half the time of three calls. */
const short = Buffer.alloc(4096);

/** Return the check of a record: 32 bits of SHA-256 of its name, a zero byte and its bytes. */
export function recordCheck(name: string, bytes: Uint8Array): number {
  if (3 * name.length + 1 + bytes.length <= short.length) {
    const named = short.write(`${name}\0`);
    short.set(bytes, named);
    return hash('sha256', short.subarray(0, named + bytes.length), 'buffer').readUInt32LE(0);
  }
  return createHash('sha256').update(name).update('\0').update(bytes).digest().readUInt32LE(0);
}

/** Return a record with its check at its end. */
export function withCheck(name: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(content.length + CHECK_BYTES);
  bytes.set(content);
  new DataView(bytes.buffer).setUint32(content.length, recordCheck(name, content), true);
  return bytes;
}

/**
 * Return a record without the check at its end. @throws PageferryError `bad-stream` when the check differs
 */
export function withoutCheck(name: string, bytes: Uint8Array): Uint8Array {
  const end = bytes.length - CHECK_BYTES;
  if (end < 0) throw new PageferryError('bad-stream', `${name}: a record of ${bytes.length} bytes`);
  const content = bytes.subarray(0, end);
  const stated = new DataView(bytes.buffer, bytes.byteOffset + end, CHECK_BYTES).getUint32(0, true);
  if (stated !== recordCheck(name, content))
    throw new PageferryError('bad-stream', `${name}: its record is damaged: the check differs`);
  return content;
}
