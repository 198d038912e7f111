import { expect, test } from 'vitest';
import { STATUS } from '../../src/kernels/status.js';
import * as reference from '../reference/xbzrle.js';
import { contract, rig, type Subject } from './harness.js';

const xbzrle: Subject = {
  encode: (run, src, bytes, out, capacity, _scratch, base) =>
    run.xbzrleEncode(base, src, bytes, out, capacity),
  decode: (run, src, bytes, out, pageBytes) => run.xbzrleDecode(src, bytes, out, pageBytes),
  referenceEncode: reference.encode,
  referenceDecode: reference.decode,
};

contract('xbzrle', xbzrle);

/** Deltas written down by hand from the description of QEMU's format: base, page, bytes. */
const base = Uint8Array.from({ length: 4096 }, (_, i) => i % 251);
const changed = (places: Record<number, number>) => {
  const page = base.slice();
  for (const [at, byte] of Object.entries(places)) page[Number(at)] = byte;
  return page;
};
const everyByte = base.map((byte) => byte ^ 0xff);
const everyOther = base.map((byte, i) => (i & 1 ? byte : byte ^ 0xff));
const VECTORS: Record<string, [Uint8Array, number[]]> = {
  'nothing changed': [base, []],
  'the first byte': [changed({ 0: 0xee }), [0, 1, 0xee]],
  'the last byte': [changed({ 4095: 0xee }), [0xff, 0x1f, 1, 0xee]],
  'the byte at 127': [changed({ 127: 0xee }), [0x7f, 1, 0xee]],
  'the byte at 128': [changed({ 128: 0xee }), [0x80, 0x01, 1, 0xee]],
  'two bytes with one between': [changed({ 10: 0xaa, 12: 0xbb }), [10, 1, 0xaa, 1, 1, 0xbb]],
  'four bytes over the border of a word': [changed({ 6: 1, 7: 2, 8: 3, 9: 4 }), [6, 4, 1, 2, 3, 4]],
  'every byte': [everyByte, [0, 0x80, 0x20, ...everyByte]],
  'every other byte': [
    everyOther,
    Array.from({ length: 2048 }, (_, i) => [i ? 1 : 0, 1, everyOther[2 * i]!]).flat(),
  ],
};

test.each(Object.entries(VECTORS))('xbzrle: %s', async (_, [page, delta]) => {
  const it = await rig(xbzrle);
  expect([...reference.encode(page, base)]).toEqual(delta);
  const { status, bytes } = it.encode(page, base, 8192);
  expect(status).toBe(delta.length);
  expect([...bytes]).toEqual(delta);
  const back = it.decode(bytes, base, 4096);
  expect(back.status).toBe(4096);
  expect(Buffer.compare(back.bytes, page)).toBe(0);
});

test('xbzrle keeps within a capacity that just fits, for nzruns of every length', async () => {
  const it = await rig(xbzrle);
  for (let length = 1; length < 300; length++) {
    const page = base.map((byte, i) => (i >= 64 && i < 64 + length ? byte ^ 0xff : byte));
    const delta = reference.encode(page, base);
    for (const spare of [-1, 0, 1, 7, 15, 16]) {
      const { status } = it.encode(page, base, delta.length + spare);
      expect(status, `${length} bytes, ${spare} to spare`).toBe(
        spare < 0 ? STATUS.OUTPUT_FULL : delta.length,
      );
    }
  }
});

test('xbzrle writes three-byte lengths above 16383, and only there', async () => {
  const it = await rig(xbzrle);
  const zeros = new Uint8Array(65536);
  const ones = new Uint8Array(65536).fill(1);
  expect([...it.encode(ones, zeros, 70000).bytes.subarray(0, 4)]).toEqual([0, 0x80, 0x80, 0x04]);
  expect([...it.encode(ones.subarray(0, 16383), zeros, 70000).bytes.subarray(0, 3)]).toEqual([0, 0xff, 0x7f]);
});

test('xbzrle names what is wrong', async () => {
  const it = await rig(xbzrle);
  const decode = (data: number[], pageBytes = 16) =>
    it.decode(Uint8Array.from(data), new Uint8Array(pageBytes), pageBytes).status;
  expect(decode([])).toBe(16);
  expect(decode([0, 1, 9, 0, 1, 9]), 'a later zrun of 0').toBe(STATUS.BAD_TOKEN);
  expect(decode([1, 0]), 'a nzrun of 0').toBe(STATUS.BAD_TOKEN);
  expect(decode([0x81, 0x00, 1, 9]), 'one in two bytes').toBe(STATUS.BAD_TOKEN);
  expect(decode([0x81, 0x80, 0x00, 1, 9]), 'one in three bytes').toBe(STATUS.BAD_TOKEN);
  expect(decode([0x81, 0x80, 0x80, 0x01, 1, 9]), 'four bytes').toBe(STATUS.BAD_TOKEN);
  expect(decode([17, 1, 9]), 'a zrun past the end').toBe(STATUS.OVERRUN);
  expect(decode([16, 1, 9]), 'a nzrun past the end').toBe(STATUS.OVERRUN);
  expect(decode([0xff, 0xff, 0x7f, 1, 9]), 'the longest length').toBe(STATUS.OVERRUN);
  expect(decode([5]), 'no nzrun').toBe(STATUS.TRUNCATED);
  expect(decode([0x85]), 'half a length').toBe(STATUS.TRUNCATED);
  expect(decode([5, 3, 1, 2]), 'too few bytes').toBe(STATUS.TRUNCATED);
  expect(decode([15, 1, 9, 1]), 'more after the end').toBe(STATUS.TRAILING);
});
