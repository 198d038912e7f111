import { expect, test } from 'vitest';
import { createPageReceiver } from '../../src/engine/live/create-page-receiver.js';
import type { PageReceiverOptions } from '../../src/engine/live/page-receiver.js';
import { DEDUP_LEVELS } from '../../src/engine/live/page-sender.js';
import { strategyByName } from '../../src/strategy/registry.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { batchOf, liveSender, pushAll, ReceivedMemory } from '../support/live.js';

const PAGE = 4096;

/**
 * Sends all pages, then rounds of changed ones in any order; returns what was sent and how the pages
 * travelled.
 */
async function migrate(
  options: Parameters<typeof liveSender>[0],
  rounds = 3,
  receives: Partial<PageReceiverOptions> = {},
) {
  let guest = guestImage(PAGE, 7);
  const pages = guest.length / PAGE;
  const sender = await liveSender(options);
  const memory = new ReceivedMemory();
  const receiver = await createPageReceiver({ open: memory.open, ...receives });
  const stream = [sender.begin('guest', pages)];
  const codecs = new Set<string>();
  const send = async (numbers: readonly number[]) => {
    for (let at = 0; at < numbers.length; at += 16) {
      const { bytes, counts } = await batchOf(sender, guest, numbers.slice(at, at + 16));
      for (const [name, count] of Object.entries(counts)) if (count.pages > 0) codecs.add(name);
      stream.push(bytes);
    }
  };
  await send(Array.from({ length: pages }, (_, page) => page));
  for (let round = 0; round < rounds; round++) {
    const later = laterImage(guest, PAGE, round);
    const changed = Array.from({ length: pages }, (_, page) => page).filter((page) =>
      later.subarray(page * PAGE, (page + 1) * PAGE).some((byte, i) => byte !== guest[page * PAGE + i]),
    );
    guest = later;
    // One that did not change besides.
    await send([...new Set([...changed.reverse(), round])]);
  }
  stream.push(sender.end());
  await sender.close();
  const bytes = new Uint8Array(Buffer.concat(stream));
  pushAll(receiver, bytes, 777);
  receiver.finish();
  return { guest, memory, bytes, codecs, cache: sender.cache };
}

for (const dedup of DEDUP_LEVELS)
  test.each(['fixed:raw', 'fixed:xbzrle', 'adaptive', 'mecom', 'smallest'])(
    `a live guest arrives, ${dedup}, %s`,
    async (name) => {
      const { guest, memory } = await migrate({ dedup, strategy: strategyByName(name) });
      expect(Buffer.compare(memory.bytes, guest)).toBe(0);
    },
  );

test('what was looked for was found, and nothing else', async () => {
  expect((await migrate({ dedup: 'off', strategy: strategyByName('fixed:raw') })).codecs).toEqual(
    new Set(['raw']),
  );
  const fills = await migrate({ dedup: 'zero', strategy: strategyByName('fixed:xbzrle') });
  expect(fills.codecs).toEqual(new Set(['raw', 'zero', 'fill', 'unchanged', 'xbzrle']));
  const similar = await migrate({ dedup: 'similar', strategy: strategyByName('smallest') });
  for (const name of ['same-as', 'xbzrle', 'similar']) expect(similar.codecs).toContain(name);
});

test.each([0, 2 * PAGE, 5 * PAGE])('a cache of %s bytes only makes it larger', async (cacheBytes) => {
  const large = await migrate({ strategy: strategyByName('fixed:xbzrle'), dedup: 'exact' }, 5);
  const small = await migrate({ strategy: strategyByName('fixed:xbzrle'), dedup: 'exact', cacheBytes }, 5);
  expect(Buffer.compare(small.memory.bytes, small.guest)).toBe(0);
  expect(small.bytes.length).toBeGreaterThan(large.bytes.length);
  expect(small.cache.hits / small.cache.lookups).toBeLessThan(large.cache.hits / large.cache.lookups);
});

test.each([3 * PAGE, 17 * PAGE, 1 << 20])(
  'a receiver with a cache of %s bytes, like the sender’s, needs no other memory',
  async (cacheBytes) => {
    const options = { strategy: strategyByName('smallest'), cacheBytes };
    const { guest, memory, codecs } = await migrate(options, 6, { cacheBytes });
    expect(Buffer.compare(memory.bytes, guest)).toBe(0);
    for (const name of ['same-as', 'xbzrle', 'similar']) expect(codecs).toContain(name);
  },
);

test('pages refer to an image that both sides have, at any position in it', async () => {
  const guest = guestImage(PAGE, 7);
  const pages = guest.length / PAGE;
  // Another boot of the same system: the same pages in another order, some a little different.
  const other = new Uint8Array(guest.length);
  for (let page = 0; page < pages; page++)
    other.set(guest.subarray(page * PAGE, (page + 1) * PAGE), (pages - 1 - page) * PAGE);
  const base = {
    pages,
    read: (page: number, into: Uint8Array) => into.set(other.subarray(page * PAGE, (page + 1) * PAGE)),
  };
  const alone = await migrate({ strategy: strategyByName('smallest') });
  const options = { strategy: strategyByName('smallest'), base };
  const based = await migrate(options, 3, { base, cacheBytes: 1 << 20 });
  expect(Buffer.compare(based.memory.bytes, based.guest)).toBe(0);
  expect(based.bytes.length).toBeLessThan(0.65 * alone.bytes.length);
  await expect(migrate(options)).rejects.toThrow('of image 1, which is not there');
});

test('what both sides held is neither sent nor lost: deltas reach back to it', async () => {
  const before = guestImage(PAGE, 7);
  const guest = laterImage(before, PAGE, 1);
  const pages = guest.length / PAGE;
  const read = (page: number, into: Uint8Array) => {
    into.set(before.subarray(page * PAGE, (page + 1) * PAGE));
    return true;
  };
  const sender = await liveSender({
    cacheBytes: 0,
    rereadPage: read,
    strategy: strategyByName('fixed:xbzrle'),
  });
  const memory = new ReceivedMemory();
  memory.bytes = before.slice();
  const receiver = await createPageReceiver({ open: memory.open });
  receiver.push(sender.begin('guest', pages));
  const changed: number[] = [];
  for (let page = 0; page < pages; page++) {
    read(page, sender.buffer);
    sender.markPresent(page);
    receiver.markPresent(page);
    sender.buffer.set(guest.subarray(page * PAGE, (page + 1) * PAGE));
    if (!sender.isPresent(page)) changed.push(page);
  }
  const { bytes, counts } = await batchOf(sender, guest, changed);
  expect(counts.xbzrle.pages).toBeGreaterThan(0);
  receiver.push(bytes);
  receiver.push(sender.end());
  receiver.finish();
  expect(Buffer.compare(memory.bytes, guest)).toBe(0);
});

test('any byte changed, cut or repeated is refused, and no other memory is reported as verified', async () => {
  const { bytes, guest } = await migrate({});
  const random = seeded(5);
  for (let n = 0; n < 300; n++) {
    const at = random() % bytes.length;
    const damaged = n % 3 === 0 ? bytes.slice(0, at) : bytes.slice();
    if (n % 3 === 1) damaged[at]! ^= 1 << (random() % 8);
    if (n % 3 === 2) damaged.copyWithin(at, random() % bytes.length);
    if (Buffer.compare(damaged, bytes) === 0) continue;
    const memory = new ReceivedMemory();
    const receiver = await createPageReceiver({
      open: memory.open,
      maxFrameBytes: 1 << 20,
      maxGuestBytes: guest.length,
    });
    expect(() => {
      receiver.push(damaged);
      receiver.finish();
    }).toThrow(/^(?=.*\S)/);
    expect(receiver.complete).toBe(false);
  }
});

test('a claimed guest size takes neither memory nor time: 32 GiB of which no page arrives', async () => {
  const sender = await liveSender();
  const receiver = await createPageReceiver({ open: new ReceivedMemory().openNothing });
  const before = process.memoryUsage().arrayBuffers;
  const stream = [sender.begin('guest', 2 ** 23), sender.end()];
  for (const bytes of stream) receiver.push(bytes);
  receiver.finish();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 << 20);
  expect(Buffer.concat(stream).length).toBeLessThan(160);
  await sender.close();
});

test('one page at the end of a guest of 1 TiB takes one small table', async () => {
  const sender = await liveSender();
  const receiver = await createPageReceiver({ open: new ReceivedMemory().openNothing });
  const before = process.memoryUsage().arrayBuffers;
  receiver.push(sender.begin('guest', 2 ** 28));
  sender.buffer.fill(0, 0, PAGE);
  const { packed } = await sender.batch([2 ** 28 - 1]);
  for (const part of (await packed).parts) receiver.push(part);
  receiver.push(sender.end());
  receiver.finish();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 << 20);
  await sender.close();
});

test('a guest above maxGuestBytes is refused before it is opened', async () => {
  const sender = await liveSender();
  let opened = false;
  const open = () => {
    opened = true;
    return new ReceivedMemory();
  };
  const receiver = await createPageReceiver({ open, maxGuestBytes: 100 * PAGE });
  expect(() => receiver.push(sender.begin('guest', 101))).toThrow(
    'guest "guest": 413696 bytes, maxGuestBytes is 409600',
  );
  expect(opened).toBe(false);
  await sender.close();
});
