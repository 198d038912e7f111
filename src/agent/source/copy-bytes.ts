import { TARGET_PAGE_BYTES } from '../../qemu/format.js';

/** Pages that repeat one byte, by that byte, once they were needed. */
const fillPages: Uint8Array[] = [];

/**
 * Copy `bytes` into `to`, from offset `at` on. Into memory that threads share, `set` copies single bytes in
 * JavaScript, six times slower; Node's `Buffer.fill` copies natively.
 */
export function copyInto(to: Buffer, at: number, bytes: Uint8Array): void {
  to.fill(bytes, at, at + bytes.length);
}

/** Fill the page of `to` at offset `at` with one byte. */
export function fillInto(to: Buffer, at: number, byte: number): void {
  fillPages[byte] ??= new Uint8Array(TARGET_PAGE_BYTES).fill(byte);
  to.fill(fillPages[byte], at, at + TARGET_PAGE_BYTES);
}
