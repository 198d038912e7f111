// Batches sent uncompressed (bypass) between encoded ones.
import { expect, test } from 'vitest';
import { createPageReceiver } from '../../src/engine/live/create-page-receiver.js';
import { BYPASSED_PAGE, BYPASSED_UNCHANGED } from '../../src/engine/live/page-sender.js';
import { strategyByName } from '../../src/strategy/registry.js';
import { guestImage, laterImage } from '../support/images.js';
import { batchOf, liveSender, ReceivedMemory } from '../support/live.js';

const PAGE = 4096;
const CACHE = 1 << 20;

/** Send a guest in rounds, every second batch uncompressed; return the memory of both sides. */
async function migrate(rounds: number, isPassed: (batch: number) => boolean) {
  let guest = guestImage(PAGE, 7);
  const pages = guest.length / PAGE;
  const sender = await liveSender({ strategy: strategyByName('smallest'), cacheBytes: CACHE });
  const memory = new ReceivedMemory();
  const receiver = await createPageReceiver({ open: memory.open, cacheBytes: CACHE });
  const codecs = new Set<string>();
  const kinds = new Set<number>();
  receiver.push(sender.begin('guest', pages));
  let batch = 0;
  for (let round = 0; round < rounds; round++) {
    for (let first = 0; first < pages; first += 16) {
      const numbers = Array.from({ length: Math.min(16, pages - first) }, (_, i) => first + i);
      if (isPassed(batch++)) {
        sender.buffer.set(guest.subarray(first * PAGE, (first + numbers.length) * PAGE));
        const passed = Array.from(sender.bypass(numbers));
        for (const kind of passed) kinds.add(Math.min(kind, 1));
        const sent = numbers.filter((_, i) => passed[i] !== BYPASSED_UNCHANGED);
        const bytes = numbers
          .filter((_, i) => passed[i] === BYPASSED_PAGE)
          .map((page) => guest.subarray(page * PAGE, (page + 1) * PAGE));
        const fills = passed.filter((kind) => kind !== BYPASSED_UNCHANGED);
        receiver.bypassed(sent, fills, new Uint8Array(Buffer.concat(bytes)));
      } else {
        const { bytes, counts } = await batchOf(sender, guest, numbers);
        for (const [name, count] of Object.entries(counts)) if (count.pages > 0) codecs.add(name);
        receiver.push(bytes);
      }
    }
    if (round < rounds - 1) guest = laterImage(guest, PAGE, round);
  }
  receiver.push(sender.end());
  receiver.finish();
  await sender.close();
  return { guest, memory, codecs, kinds };
}

test.each<[string, (batch: number) => boolean]>([
  ['all', () => true],
  ['every second batch', (batch) => batch % 2 === 0],
  ['every second batch, another one each round', (batch) => batch % 3 === 0],
])('%s uncompressed: the guest arrives and is verified', async (_, isPassed) => {
  const { guest, memory, kinds } = await migrate(4, isPassed);
  expect(Buffer.compare(memory.bytes, guest)).toBe(0);
  expect(kinds).toEqual(new Set([BYPASSED_PAGE, BYPASSED_UNCHANGED, 0, 1]));
});

test('pages that were coded are deltas again, against what was coded last', async () => {
  const { guest, memory, codecs } = await migrate(6, (batch) => batch % 3 === 0);
  expect(Buffer.compare(memory.bytes, guest)).toBe(0);
  for (const name of ['xbzrle', 'similar', 'same-as', 'unchanged']) expect(codecs).toContain(name);
});

test('the last page travels though it did not change, where it must', async () => {
  const sender = await liveSender();
  sender.begin('guest', 4);
  sender.buffer.fill(7, 0, 2 * PAGE);
  expect(Array.from(sender.bypass([1, 2]))).toEqual([7, 7]);
  expect(Array.from(sender.bypass([1, 2], true))).toEqual([BYPASSED_UNCHANGED, 7]);
  await sender.close();
});

test('an altered page is found at the end', async () => {
  const sender = await liveSender();
  const receiver = await createPageReceiver({ open: new ReceivedMemory().open });
  receiver.push(sender.begin('guest', 2));
  sender.buffer.fill(0, 0, PAGE);
  sender.buffer[5] = 1;
  sender.bypass([1]);
  const altered = sender.buffer.slice(0, PAGE);
  altered[5] = 2;
  receiver.bypassed([1], [BYPASSED_PAGE], altered);
  expect(() => receiver.push(sender.end())).toThrow(/the guest's digest is/);
  await sender.close();
});

test('nothing comes before its guest', async () => {
  const receiver = await createPageReceiver({ open: new ReceivedMemory().open });
  expect(() => receiver.bypassed([0], [0], new Uint8Array(0))).toThrow(/before their guest was announced/);
});

test.each<[string, number[], number[], number, RegExp]>([
  ['a page beyond the guest', [0, 4], [0, 0], 0, /^bypassed pages: page 4, the guest has 4$/],
  ['a page before the guest', [-1], [0], 0, /^bypassed pages: page -1, the guest has 4$/],
  ['half a page', [0, 1.5], [0, 0], 0, /^bypassed pages: page 1.5, the guest has 4$/],
  ['a fill too few', [0, 1], [0], 0, /^bypassed pages: 2 pages with 1 fills$/],
  ['a fill that is no byte', [0, 1], [0, 256], 0, /page 1: fill 256, expected -1 … 255$/],
  ['an unchanged page', [0, 1], [0, BYPASSED_UNCHANGED], 0, /page 1: fill -2, expected -1 … 255$/],
  ['bytes that are missing', [0, 1], [0, -1], PAGE - 1, /4095 bytes, the pages without a fill have 4096$/],
  ['bytes of no page', [0, 1], [0, -1], PAGE + 1, /4097 bytes, the pages without a fill have 4096$/],
])('the receiver refuses %s before it writes any page', async (_, pages, fills, bytes, message) => {
  const sender = await liveSender();
  const memory = new ReceivedMemory();
  const receiver = await createPageReceiver({ open: memory.open });
  receiver.push(sender.begin('guest', 4));
  memory.bytes.fill(9);
  expect(() => receiver.bypassed(pages, fills, new Uint8Array(bytes))).toThrow(message);
  expect(memory.bytes.every((byte) => byte === 9)).toBe(true);
  await sender.close();
});

test('sender and receiver refuse a single page that the guest or the buffer has not', async () => {
  const sender = await liveSender();
  expect(() => sender.markPresent(-1)).toThrow('markPresent: page -1, expected a page number');
  const begin = sender.begin('guest', 4);
  expect(() => sender.markPresent(4)).toThrow('markPresent: page 4, the guest has 4');
  expect(() => sender.isPresent(0, 1 << 20)).toThrow(/^isPresent: index 1048576, expected 0 … \d+$/);
  expect(() => sender.invalidate(0.5)).toThrow('invalidate: page 0.5, the guest has 4');
  // Refused calls change nothing.
  sender.markPresent(3);
  expect(sender.isPresent(3)).toBe(true);
  for (const call of ['markPresent', 'invalidate'] as const) {
    const receiver = await createPageReceiver({ open: new ReceivedMemory().open });
    receiver.push(begin);
    expect(() => receiver[call](4)).toThrow(`${call}: page 4, the guest has 4`);
  }
  await sender.close();
});
