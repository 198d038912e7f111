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
        const passed = Array.from(sender.bypass(numbers)).slice(0, numbers.length);
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
  expect(Array.from(sender.bypass([1, 2])).slice(0, 2)).toEqual([7, 7]);
  expect(Array.from(sender.bypass([1, 2], true)).slice(0, 2)).toEqual([BYPASSED_UNCHANGED, 7]);
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
