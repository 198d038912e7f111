// What a page sender and a page receiver do after a failure, after close, and when they are called out of
// order.
import { expect, test } from 'vitest';
import { createPageReceiver } from '../../src/engine/live/create-page-receiver.js';
import { createPageSender } from '../../src/engine/live/create-page-sender.js';
import { fixed } from '../../src/strategy/fixed.js';
import { liveSender, ReceivedMemory } from '../support/live.js';

const PAGE = 4096;

test('a sender needs no options', async () => {
  const sender = await createPageSender();
  const memory = new ReceivedMemory();
  const receiver = await createPageReceiver({ open: memory.open });
  receiver.push(sender.begin('guest', 2));
  sender.buffer.fill(7, 0, PAGE).fill(9, PAGE, 2 * PAGE);
  const { parts } = await (await sender.batch([0, 1])).packed;
  for (const part of parts) receiver.push(part);
  receiver.push(sender.end());
  receiver.finish();
  expect([memory.bytes[0], memory.bytes[PAGE]]).toEqual([7, 9]);
  await sender.close();
});

test('calls out of order are refused, and the sender works on', async () => {
  const sender = await liveSender();
  await expect(sender.batch([0])).rejects.toThrow('batch: called before begin');
  expect(() => sender.end()).toThrow('end: called before begin');
  sender.begin('guest', 2);
  expect(() => sender.begin('guest', 2)).toThrow('begin: called twice');
  await expect(sender.batch([2])).rejects.toThrow('batch: page 2, the guest has 2');
  await expect(sender.batch([])).rejects.toThrow('batch: 0 pages, expected 1 … 64');
  await (await sender.batch([0])).packed;
  sender.end();
  await expect(sender.batch([0])).rejects.toThrow('batch: called after end');
  expect(() => sender.bypass([0])).toThrow('bypass: called after end');
  await sender.close();
});

test('a batch waits for a frame; an overlapping call is refused; the wait ends when a frame is released', async () => {
  const sender = await liveSender();
  sender.begin('guest', 8);
  const batches = [await (await sender.batch([0])).packed, await (await sender.batch([1])).packed];
  const waiting = sender.batch([2]);
  await expect(sender.batch([3])).rejects.toThrow('batch: called while the previous call has not resolved');
  batches[0]!.release();
  // A second release of the same batch gives nothing back.
  batches[0]!.release();
  await (await waiting).packed;
  const next = sender.batch([3]);
  batches[1]!.release();
  await (await next).packed;
  const last = sender.batch([4]);
  await sender.close();
  await expect(last).rejects.toThrow('the page sender was closed');
});

test('close ends every wait with one cause, again and again, and later calls throw it', async () => {
  const sender = await liveSender({ threads: 2 });
  sender.begin('guest', 8);
  const first = sender.close();
  expect(sender.close()).toBe(first);
  await first;
  await expect(sender.batch([0])).rejects.toThrow('the page sender was closed');
  expect(() => sender.buffer).toThrow('the page sender was closed');
  expect(() => sender.end()).toThrow('the page sender was closed');
  expect(sender.cache).toEqual({ lookups: 0, hits: 0 });
});

test('after a strategy failed, every call throws what it threw', async () => {
  const cause = new Error('no choice');
  const strategy = {
    ...fixed('lz4'),
    choose: () => {
      throw cause;
    },
  };
  const sender = await liveSender({ strategy });
  sender.begin('guest', 4);
  sender.buffer.subarray(0, PAGE).forEach((_, i, bytes) => {
    bytes[i] = i * 7;
  });
  await expect(sender.batch([0])).rejects.toBe(cause);
  await expect(sender.batch([1])).rejects.toBe(cause);
  expect(() => sender.end()).toThrow(cause);
  await sender.close();
});

test('the creation of a sender yields while it reads the base image, and can be cancelled', async () => {
  const reason = new Error('cancelled');
  const abort = new AbortController();
  const pages = 1 << 20;
  let read = 0;
  const base = {
    pages,
    read: (page: number, into: Uint8Array) => {
      read++;
      into[0] = page;
    },
  };
  setTimeout(() => abort.abort(reason));
  await expect(liveSender({ base, signal: abort.signal })).rejects.toBe(reason);
  expect(read).toBeLessThan(pages);
});

test.each([
  [{ pageBytes: 5000 as 4096 }, 'pageBytes: expected one of 4096, 16384, 65536, got 5000'],
  [{ batchPages: 0 }, 'batchPages: expected 1 … 65536, got 0'],
  [{ threads: 1.5 }, 'threads: expected a whole number, got 1.5'],
  [{ cacheBytes: -1 }, 'cacheBytes: expected 0 … 2147483648, got -1'],
  [{ dedup: 'most' as 'off' }, 'dedup: expected one of off, zero, exact, similar, got most'],
])('sender options %o are refused', async (options, message) => {
  await expect(createPageSender(options)).rejects.toThrow(message);
});

test('after a receiver failed, every call throws the first cause', async () => {
  const receiver = await createPageReceiver({ open: new ReceivedMemory().open });
  const first = 'not a pageferry stream';
  expect(() => receiver.push(new Uint8Array(100))).toThrow(first);
  const sender = await liveSender();
  expect(() => receiver.push(sender.begin('guest', 1))).toThrow(first);
  expect(() => receiver.bypassed([0], [0], new Uint8Array(0))).toThrow(first);
  expect(() => receiver.finish()).toThrow(first);
  receiver.close();
  receiver.close();
  expect(() => receiver.finish()).toThrow(first);
  await sender.close();
});

test('a receiver whose guest memory throws has failed', async () => {
  const full = new Error('disk full');
  const memory = new ReceivedMemory();
  const receiver = await createPageReceiver({ open: memory.open });
  memory.zero = () => {
    throw full;
  };
  const sender = await liveSender();
  receiver.push(sender.begin('guest', 1));
  sender.buffer.fill(0, 0, PAGE);
  const { parts } = await (await sender.batch([0])).packed;
  expect(() => {
    for (const part of parts) receiver.push(part);
  }).toThrow(full);
  expect(() => receiver.push(sender.end())).toThrow(full);
  await sender.close();
});
