import type { Slots } from '../kernels/arena.js';

const DIGEST_BYTES = 16;
const PAGE_NUMBER_BYTES = 8;
const TWO_32 = 2 ** 32;

/**
 * The digest of a live guest's pages, updated at every change of a page, so reading it takes constant time:
 *
 *     element = XXH3-128(page digest | page number u64), for each page that the receiver has
 *     sum     = the sum of all elements, as 128-bit integers, mod 2^128
 *     digest  = XXH3-128(sum | guest bytes u64)
 *
 * A sum does not depend on the order of the pages, and a page's element can be subtracted when the page
 * changes. Two different guests have the same digest by accident with probability 2^-128. The digest does not
 * resist an attacker: XXH3 is not a cryptographic hash, and elements of a sum can be chosen to cancel out.
 * The channel authenticates the sender.
 */
export class GuestDigest {
  /** Page digest and page number, in the kernels' memory. */
  private readonly input: number;
  private readonly output: number;
  /** 128 bits, lowest word first. */
  private readonly sum = new Uint32Array(4);

  constructor(private readonly slots: Slots) {
    this.input = slots.slot('page digest and number', DIGEST_BYTES + PAGE_NUMBER_BYTES);
    this.output = slots.slot('guest digest', DIGEST_BYTES);
  }

  /** Add a page whose digest is the four words at `digest[at]`. */
  add(page: number, digest: Uint32Array, at: number): void {
    const words = this.element(page, digest, at);
    const from = this.output >>> 2;
    const { sum } = this;
    let carry = 0;
    for (let i = 0; i < 4; i++) {
      const word = sum[i]! + words[from + i]! + carry;
      sum[i] = word;
      carry = word >= TWO_32 ? 1 : 0;
    }
  }

  /** Remove a page that was added with the digest at `digest[at]`. */
  remove(page: number, digest: Uint32Array, at: number): void {
    const words = this.element(page, digest, at);
    const from = this.output >>> 2;
    const { sum } = this;
    let borrow = 0;
    for (let i = 0; i < 4; i++) {
      const word = sum[i]! - words[from + i]! - borrow;
      sum[i] = word;
      borrow = word < 0 ? 1 : 0;
    }
  }

  /** Return the digest, 16 bytes, of a guest of `guestBytes` bytes. */
  value(guestBytes: number): Uint8Array {
    const { words, bytes, run } = this.slots.kernels;
    const at = this.input >>> 2;
    words.set(this.sum, at);
    words[at + 4] = guestBytes % TWO_32;
    words[at + 5] = Math.floor(guestBytes / TWO_32);
    run.hash128(this.input, DIGEST_BYTES + 8, 0, 0, this.output);
    return bytes.slice(this.output, this.output + DIGEST_BYTES);
  }

  private element(page: number, digest: Uint32Array, at: number): Uint32Array {
    const { words, run } = this.slots.kernels;
    const to = this.input >>> 2;
    for (let i = 0; i < 4; i++) words[to + i] = digest[at + i]!;
    words[to + 4] = page % TWO_32;
    words[to + 5] = Math.floor(page / TWO_32);
    run.hash128(this.input, DIGEST_BYTES + PAGE_NUMBER_BYTES, 0, 0, this.output);
    return words;
  }
}
