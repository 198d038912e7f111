import { expect, test } from 'vitest';
import { BlockSplitter } from '../../../src/codec/zstd/block-splitter.js';
import { seeded } from '../../support/kernels.js';

const KIB = 1024;
const BLOCK = 128 * KIB;
const FROM = 5000;

/** Memory with a block at FROM: `first` until `change`, then `second`; 0xff around it. */
function blockOf(change: number, first: () => number, second: () => number): Uint8Array {
  const memory = new Uint8Array(FROM + BLOCK + 100).fill(0xff);
  for (let i = 0; i < BLOCK; i++) memory[FROM + i] = i < change ? first() : second();
  return memory;
}

const random = seeded(3);
const noise = () => random() & 0xff;
const digit = () => 48 + ((random() & 0xff) % 10);
const zero = () => 0;

test.each([
  ['noise', noise],
  ['digits', digit],
  ['zero bytes', zero],
])('a block of %s alone is not split', (_, byte) => {
  const splitter = new BlockSplitter();
  expect(splitter.blockBytes(blockOf(0, byte, byte), FROM, BLOCK)).toBe(BLOCK);
  expect(splitter.blockBytes(blockOf(0, byte, byte), FROM, 100)).toBe(100);
});

test.each([
  ['digits, then noise', 40 * KIB, digit, noise, 40 * KIB],
  ['noise, then digits', 120 * KIB, noise, digit, 120 * KIB],
  ['noise, then zero bytes', 64 * KIB, noise, zero, 64 * KIB],
  ['a change inside of a unit that has more of the second', 41 * KIB, noise, zero, 40 * KIB],
  ['a change inside of a unit that has more of the first', 47 * KIB, noise, zero, 48 * KIB],
])('%s: the block ends at the change', (_, change, first, second, expected) => {
  expect(new BlockSplitter().blockBytes(blockOf(change, first, second), FROM, BLOCK)).toBe(expected);
});

test('what a splitter saw before does not count', () => {
  const splitter = new BlockSplitter();
  const memory = blockOf(40 * KIB, digit, noise);
  expect(splitter.blockBytes(memory, FROM, BLOCK)).toBe(40 * KIB);
  expect(splitter.blockBytes(memory, FROM + 40 * KIB, 88 * KIB)).toBe(88 * KIB);
  expect(splitter.blockBytes(memory, FROM, BLOCK)).toBe(40 * KIB);
});
