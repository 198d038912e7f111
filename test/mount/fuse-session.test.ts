// The FUSE server in process, without a mount: what the kernel asks for, and what no kernel would ask for.
import fs from 'node:fs';
import { expect, test } from 'vitest';
import { ERRNO, OPCODE, SEEK_DATA, SEEK_HOLE } from '../../src/mount/fuse/protocol.js';
import { seeded } from '../support/kernels.js';
import { createKernel, initArguments, memoryImage, nameArguments, rangeArguments } from './fuse-requests.js';

const content = Uint8Array.from({ length: 10_000 }, (_, i) => (i >= 4096 && i < 8192 ? 0 : 1 + (i % 250)));
const images = [memoryImage('a', content), memoryImage('b.c', content.subarray(0, 10))];
const bytes = (result: unknown) => {
  expect(result).toBeInstanceOf(Uint8Array);
  return result as Uint8Array;
};
const u64 = (result: unknown, at = 0) => Number(new DataView(bytes(result).buffer).getBigUint64(at, true));
const u32 = (result: unknown, at: number) => new DataView(bytes(result).buffer).getUint32(at, true);

test('INIT agrees on a version and on flags that both sides know', () => {
  const kernel = createKernel(images, true);
  const reply = kernel.ask('INIT', 0, initArguments(7, 38));
  expect([u32(reply, 0), u32(reply, 4), u32(reply, 8)]).toEqual([7, 31, 1 << 20]);
  expect(u32(reply, 12)).toBe((1 << 0) | (1 << 22));
  expect(u32(kernel.ask('INIT', 0, initArguments(7, 38, 1)), 12)).toBe(1);
  expect(u32(kernel.ask('INIT', 0, initArguments(8, 0)), 0)).toBe(7);
  expect(kernel.ask('INIT', 0, initArguments(6, 9))).toBe(-ERRNO.EPROTO);
});

test('a directory has the images as files', () => {
  const kernel = createKernel(images, true);
  expect(u64(kernel.ask('LOOKUP', 1, nameArguments('a.raw')))).toBe(2);
  const entry = kernel.ask('LOOKUP', 1, nameArguments('b.c.raw'));
  expect([u64(entry), u64(entry, 48)]).toEqual([3, 10]);
  for (const name of ['a', 'A.raw', '', 'b.raw'])
    expect(kernel.ask('LOOKUP', 1, nameArguments(name))).toBe(-ERRNO.ENOENT);
  const root = kernel.ask('GETATTR', 1);
  expect(u32(root, 16 + 60)).toBe(0o040550);
  expect(u32(kernel.ask('GETATTR', 2), 16 + 60)).toBe(0o100440);
  expect(kernel.ask('GETATTR', 4)).toBe(-ERRNO.ENOENT);
  expect(kernel.ask('OPEN', 1, new Uint8Array(8))).toBe(-ERRNO.EISDIR);
  expect(kernel.ask('OPENDIR', 2, new Uint8Array(8))).toBe(-ERRNO.ENOTDIR);
  expect(kernel.ask('READ', 1, rangeArguments(0, 10))).toBe(-ERRNO.EISDIR);
  expect(kernel.ask('LOOKUP', 2, nameArguments('a.raw'))).toBe(-ERRNO.ENOTDIR);
});

test('a directory is listed in parts of any size', () => {
  const kernel = createKernel(images, true);
  const names = (size: number) => {
    const found: string[] = [];
    for (let offset = 0; ; ) {
      const part = bytes(kernel.ask('READDIR', 1, rangeArguments(offset, size)));
      expect(part.length).toBeLessThanOrEqual(size);
      if (part.length === 0) return found;
      for (let at = 0; at < part.length; ) {
        const length = u32(part, at + 16);
        found.push(new TextDecoder().decode(part.subarray(at + 24, at + 24 + length)));
        offset = u64(part, at + 8);
        at += 24 + Math.ceil(length / 8) * 8;
      }
    }
  };
  for (const size of [32, 64, 4096]) expect(names(size)).toEqual(['.', '..', 'a.raw', 'b.c.raw']);
});

test('reads give the bytes of the image up to its end, and files are not written', () => {
  const kernel = createKernel([images[0]!], false);
  expect(kernel.ask('READ', 1, rangeArguments(100, 4096))).toEqual(content.slice(100, 4196));
  expect(kernel.ask('READ', 1, rangeArguments(9000, 65536))).toEqual(content.slice(9000));
  expect(kernel.ask('READ', 1, rangeArguments(10_000, 1))).toEqual(new Uint8Array(0));
  expect(u32(kernel.ask('OPEN', 1, new Uint8Array(8)), 8)).toBe(2);
  expect(kernel.ask('OPEN', 1, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0))).toBe(-ERRNO.EROFS);
  expect(kernel.ask('READ', 2, rangeArguments(0, 1))).toBe(-ERRNO.ENOENT);
});

test('without reading ahead, reads of several pages are refused once, unless a program waits for them', () => {
  const large = Uint8Array.from({ length: 400_000 }, (_, i) => i % 251);
  const kernel = createKernel([memoryImage('a', large)], false, { maxReadahead: 0 });
  const read = (offset: number, size: number, flags = 0) => {
    const args = rangeArguments(offset, size);
    new DataView(args.buffer).setUint32(32, flags, true);
    return kernel.ask('READ', 1, args);
  };
  expect(read(0, 1 << 17)).toBe(-ERRNO.EAGAIN);
  expect(read(4096, 4096)).toEqual(large.slice(4096, 8192));
  expect(read(0, 1 << 16)).toEqual(large.slice(0, 1 << 16));
  expect(read(0, 1 << 17)).toEqual(large.slice(0, 1 << 17));
  expect(read(1 << 17, 1 << 17, fs.constants.O_DIRECT)).toEqual(large.slice(1 << 17, 1 << 18));
  expect(read(390_000, 1 << 17)).toEqual(large.slice(390_000));
});

test('a damaged range is an I/O error that is reported; other ranges are not affected', () => {
  const reported: unknown[] = [];
  const onDamage = (image: { name: string }, offset: number, error: unknown) =>
    reported.push([image.name, offset, (error as Error).message]);
  const kernel = createKernel([memoryImage('a', content, 5000)], false, { onDamage });
  expect(kernel.ask('READ', 1, rangeArguments(4096, 4096))).toBe(-ERRNO.EIO);
  expect(kernel.ask('READ', 1, rangeArguments(0, 4096))).toEqual(content.slice(0, 4096));
  expect(reported).toEqual([['a', 4096, 'frame 7: damaged']]);
});

test('a search finds data and holes', () => {
  const kernel = createKernel([images[0]!], false);
  const seek = (offset: number, whence: number) => kernel.ask('LSEEK', 1, rangeArguments(offset, whence));
  expect(u64(seek(0, SEEK_HOLE))).toBe(4096);
  expect(u64(seek(5000, SEEK_HOLE))).toBe(5000);
  expect(u64(seek(5000, SEEK_DATA))).toBe(8192);
  expect(u64(seek(9000, SEEK_HOLE))).toBe(10_000);
  expect(seek(10_000, SEEK_DATA)).toBe(-ERRNO.ENXIO);
  expect(seek(0, 7)).toBe(-ERRNO.EINVAL);
});

test('requests that no kernel sends get one error each and change nothing', () => {
  const kernel = createKernel(images, true);
  const { session, request } = kernel;
  const view = new DataView(request.buffer);
  const reply = new DataView(session.reply.buffer);
  const opcodes = Object.values(OPCODE);
  const random = seeded(18);
  const outcomes = new Map<number | undefined, number>();
  for (let n = 0; n < 100_000; n++) {
    const size = n % 5 === 0 ? random() % 48 : 40 + (random() % 80);
    for (let i = 0; i < size; i++) request[i] = random();
    // Most requests have a true length, an opcode that exists, a node that does, and plausible arguments.
    if (random() % 3 > 0) view.setUint32(0, size, true);
    if (random() % 7 > 0) view.setUint32(4, opcodes[random() % opcodes.length]!, true);
    if (random() % 4 > 0) view.setBigUint64(16, BigInt(random() % 5), true);
    if (random() % 2 > 0) view.setUint32(40, random() % 9, true);
    if (random() % 2 > 0) view.setBigUint64(48, BigInt(random() % 12_000), true);
    if (random() % 2 > 0) view.setUint32(56, random() % 3 > 0 ? random() % 8 : random() % (2 << 20), true);
    const bytes = session.handle(size);
    const error = bytes === 0 ? undefined : reply.getInt32(4, true);
    if (bytes > 0 && (reply.getUint32(0, true) !== bytes || bytes > 16 + (1 << 20)))
      throw new Error(`request ${n}: a reply of ${bytes} bytes that states ${reply.getUint32(0, true)}`);
    if (error && bytes !== 16) throw new Error(`request ${n}: error ${error} with content`);
    outcomes.set(error, (outcomes.get(error) ?? 0) + 1);
  }
  // No image is damaged, and nothing is recorded.
  const errors = Object.values(ERRNO).filter((error) => error !== ERRNO.EIO && error !== ERRNO.EAGAIN);
  const wanted = [undefined, 0, ...errors.map((error) => -error)];
  expect(new Set(outcomes.keys())).toEqual(new Set(wanted));
  expect(kernel.ask('READ', 2, rangeArguments(0, 10))).toEqual(content.slice(0, 10));
});
