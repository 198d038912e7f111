import { expect, test } from 'vitest';
import { STATUS } from '../../src/kernels/status.js';
import * as reference from '../reference/zero-aware.js';
import { contract, rig, type Subject } from './harness.js';

const zeroAware: Subject = {
  encode: (run, src, bytes, out, capacity) => run.zeroAwareEncode(src, bytes, out, capacity),
  decode: (run, src, bytes, out, pageBytes) => run.zeroAwareDecode(src, bytes, out, pageBytes),
  referenceEncode: reference.encode,
  referenceDecode: reference.decode,
};

contract('zero-aware', zeroAware);

test('zero-aware puts every pattern of four words where it was', async () => {
  const it = await rig(zeroAware);
  const words = new Uint32Array(16 * 16);
  for (let mask = 0; mask < 16; mask++)
    for (let group = 0; group < 4; group++)
      for (let i = 0; i < 4; i++)
        if ((mask >> i) & 1) words[mask * 16 + group * 4 + i] = (mask + 1) * 0x01020304 + group * 4 + i;
  const page = new Uint8Array(words.buffer);
  const { bytes } = it.encode(page, page, 2048);
  expect(Buffer.compare(bytes, reference.encode(page))).toBe(0);
  expect(Buffer.compare(it.decode(bytes, page, page.length).bytes, page)).toBe(0);
});

test('zero-aware names what is wrong, and takes a zero word that is marked as present', async () => {
  const it = await rig(zeroAware);
  const decode = (data: number[], pageBytes: number) =>
    it.decode(Uint8Array.from(data), new Uint8Array(pageBytes), pageBytes).status;
  expect(decode([0b100, 1, 2, 3, 4], 8)).toBe(STATUS.BAD_TOKEN);
  expect(decode([], 8)).toBe(STATUS.TRUNCATED);
  expect(decode([0b01, 1, 2, 3], 8)).toBe(STATUS.TRUNCATED);
  expect(decode([0b00, 1, 2, 3, 4], 8)).toBe(STATUS.TRAILING);
  expect(decode([0b01, 0, 0, 0, 0], 8)).toBe(8);
});
