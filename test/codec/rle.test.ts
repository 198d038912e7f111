import { expect, test } from 'vitest';
import { STATUS } from '../../src/kernels/status.js';
import * as reference from '../reference/rle.js';
import { contract, rig, type Subject } from './harness.js';

const rle: Subject = {
  encode: (run, src, bytes, out, capacity) => run.rleEncode(src, bytes, out, capacity),
  decode: (run, src, bytes, out, pageBytes) => run.rleDecode(src, bytes, out, pageBytes),
  referenceEncode: reference.encode,
  referenceDecode: reference.decode,
};

contract('rle', rle);

test('rle reads what other PackBits encoders write: runs of two and three, and short literals', async () => {
  const it = await rig(rle);
  const packed = Uint8Array.from([0xff, 7, 0xfe, 9, 0x00, 1, 0x00, 2, 0x81, 3]);
  const page = [7, 7, 9, 9, 9, 1, 2, ...new Array(128).fill(3)];
  const { status, bytes } = it.decode(packed, new Uint8Array(page.length), page.length);
  expect(status).toBe(page.length);
  expect([...bytes]).toEqual(page);
});

test('rle cuts runs and literals after 128 bytes, wherever the runs of a page begin and end', async () => {
  const it = await rig(rle);
  for (const length of [
    1, 2, 3, 4, 5, 63, 64, 65, 66, 67, 68, 127, 128, 129, 130, 131, 132, 255, 256, 257, 259, 260,
  ])
    for (let start = 0; start < 140; start += start < 70 && start > 55 ? 1 : 7) {
      const page = Uint8Array.from({ length: 400 }, (_, i) => (i >= start && i < start + length ? 7 : i));
      const expected = reference.encode(page);
      expect([...it.encode(page, page, 500).bytes], `run of ${length} at ${start}`).toEqual([...expected]);
    }
});

test('rle names what is wrong', async () => {
  const it = await rig(rle);
  const decode = (data: number[], pageBytes: number) =>
    it.decode(Uint8Array.from(data), new Uint8Array(pageBytes), pageBytes).status;
  expect(decode([128], 4)).toBe(STATUS.BAD_TOKEN);
  expect(decode([1, 5], 4)).toBe(STATUS.TRUNCATED);
  expect(decode([0xfd], 4)).toBe(STATUS.TRUNCATED);
  expect(decode([0xfc, 1], 4)).toBe(STATUS.OVERRUN);
  expect(decode([1, 5, 6, 0, 1], 2)).toBe(STATUS.TRAILING);
  expect(decode([1, 5, 6], 4)).toBe(STATUS.SHORT);
  expect(decode([], 4)).toBe(STATUS.SHORT);
});
