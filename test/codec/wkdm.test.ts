import { expect, test } from 'vitest';
import { STATUS } from '../../src/kernels/status.js';
import * as reference from '../reference/wkdm.js';
import { contract, rig, type Subject } from './harness.js';

const wkdm: Subject = {
  encode: (run, src, bytes, out, capacity, scratch) => run.wkdmEncode(src, bytes, out, capacity, scratch),
  decode: (run, src, bytes, out, pageBytes, scratch) => run.wkdmDecode(src, bytes, out, pageBytes, scratch),
  referenceEncode: reference.encode,
  referenceDecode: reference.decode,
};

contract('wkdm', wkdm);

const pageOf = (words: number[]) => new Uint8Array(Uint32Array.from(words).buffer);

test('wkdm costs 2 bits for a zero, 34 for a miss, 6 for an exact and 16 for a partial match', async () => {
  const it = await rig(wkdm);
  const size = (word: (i: number) => number) => {
    const page = pageOf(Array.from({ length: 1024 }, (_, i) => word(i)));
    return it.encode(page, page, 8192).status;
  };
  expect(size(() => 0)).toBe(256);
  expect(size(() => 1)).toBe(256 + 512);
  expect(size((i) => i + 1024 * 1024)).toBe(256 + 4 + 512 + 4 * 341);
  expect(size((i) => (i + 1) << 18)).toBe(256 + 4096);
});

test('wkdm knows the word 1 in every slot from the start', async () => {
  const it = await rig(wkdm);
  const page = pageOf([1, 2, 1023, 1024]);
  // 1 is exact, 2 and 1023 are partial, 1024 is a miss; lows 2 and 1023, indexes 0, 0, 0.
  const expected = [0b0111, 0, 0b1001, 0, 0, 4, 0, 0, 2, 0xfc, 0x0f, 0, 0, 0];
  expected.splice(8, 4, 2, (1023 << 2) & 255, (1023 >> 6) & 255, 0);
  expect([...reference.encode(page)!]).toEqual(expected);
  expect([...it.encode(page, page, 64).bytes]).toEqual(expected);
});

test('wkdm fills its lists to the last entry of the largest page', async () => {
  const it = await rig(wkdm);
  const words = 16384;
  const kinds = { exact: () => 1, partial: (i: number) => 2 + (i & 1), miss: (i: number) => (i + 1) << 16 };
  for (const [kind, word] of Object.entries(kinds)) {
    const page = pageOf(Array.from({ length: words }, (_, i) => word(i)));
    const { status, bytes } = it.encode(page, page, 70000);
    expect(Buffer.compare(bytes, reference.encode(page)!), kind).toBe(0);
    expect(it.decode(bytes, page, page.length).status, kind).toBe(page.length);
    expect(status, kind).toBeLessThanOrEqual(4096 + 65536);
  }
});

test('wkdm codes pages of whole 16 bytes only, and names what is wrong', async () => {
  const it = await rig(wkdm);
  const decode = (data: number[], pageBytes = 16) =>
    it.decode(Uint8Array.from(data), new Uint8Array(pageBytes), pageBytes).status;
  for (const bytes of [0, 1, 4, 8, 12, 17, 4092]) {
    const page = new Uint8Array(bytes);
    expect(it.encode(page, page, 8192).status, `${bytes} bytes`).toBe(STATUS.OUTPUT_FULL);
    expect(decode([0, 0, 0, 0], bytes), `${bytes} bytes`).toBe(STATUS.OUTPUT_FULL);
  }
  expect(decode([0, 0, 0])).toBe(STATUS.TRUNCATED);
  expect(decode([0x10, 0, 0, 0, 0])).toBe(STATUS.BAD_TOKEN);
  expect(decode([0, 0, 1, 0, 1, 2, 3])).toBe(STATUS.TRUNCATED);
  expect(decode([0, 0, 1, 0, 1, 2, 3, 4, 5])).toBe(STATUS.TRAILING);
  expect(decode([0, 0, 1, 0, 1, 2, 3, 4])).toBe(16);
  expect(decode([0, 0, 0, 0])).toBe(16);
});
