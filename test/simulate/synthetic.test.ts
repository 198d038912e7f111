import { describe, expect, test } from 'vitest';
import { syntheticGuest } from '../../src/simulate/guest/synthetic.js';
import type { Guest, GuestSpec } from '../../src/simulate/guest.js';
import { simulate } from '../../src/simulate/simulate.js';
import { memory, PAGE, pageOf, synthetic } from './guests.js';

/** Returns the number of writes to each page, and of reads. */
async function writes(
  spec: GuestSpec,
  ms: number,
): Promise<{ counts: Uint32Array; guest: Guest; reads: number }> {
  const guest = await spec.open(3);
  const counts = new Uint32Array(guest.pages);
  let reads = 0;
  guest.run(ms, (page, write) => {
    if (write) counts[page]!++;
    else reads++;
    return true;
  });
  return { counts, guest, reads };
}

const sum = (counts: Iterable<number>) => [...counts].reduce((all, count) => all + count, 0);
/** Equality within a relative tolerance, for random counts. */
const expectNear = (value: number, expected: number, within: number) => {
  expect(value).toBeGreaterThan(expected * (1 - within));
  expect(value).toBeLessThan(expected * (1 + within));
};

describe('synthetic guest: writes', () => {
  test('at the given rate, after the given reads', async () => {
    const { counts, reads } = await writes(
      synthetic('guest', { writesPerSecond: 5000, readsPerWrite: 4 }),
      4000,
    );
    expectNear(sum(counts), 20_000, 0.05);
    expect(reads).toBe(4 * sum(counts));
    const still = await writes(synthetic('guest', { writesPerSecond: 0 }), 4000);
    expect([sum(still.counts), still.reads]).toEqual([0, 0]);
  });

  test('hot: a small part gets most writes', async () => {
    const { counts } = await writes(
      synthetic('guest', { hotShare: 0.1, hotWrites: 0.8, writesPerSecond: 20_000 }),
      2000,
    );
    const sorted = counts.toSorted().toReversed();
    const hot = Math.round(0.1 * counts.length);
    // Hot pages also get a tenth of the other writes.
    expectNear(sum(sorted.subarray(0, hot)) / sum(counts), 0.8 + 0.2 * 0.1, 0.03);
    expect(sorted[hot - 1]!).toBeGreaterThan(4 * sorted[hot + 10]!);
  });

  test('zipf: rank r gets 1 / r of the writes', async () => {
    const { counts } = await writes(synthetic('guest', { pattern: 'zipf', writesPerSecond: 100_000 }), 2000);
    const sorted = counts.toSorted().toReversed();
    // With weights of 1 / r over N = 2048 ranks the first 2^k ranks get k of log2(N + 1) writes.
    for (const k of [4, 6, 8]) expectNear(sum(sorted.subarray(0, 2 ** k - 1)) / sum(counts), k / 11, 0.05);
  });

  test('sequential: page after page, in a loop over its part', async () => {
    const spec = synthetic('guest', {
      pattern: 'sequential',
      hotShare: 0.25,
      writesPerSecond: 10_000,
      readsPerWrite: 0,
    });
    const guest = await spec.open(3);
    const order: number[] = [];
    guest.run(200, (page) => {
      order.push(page);
      return true;
    });
    expect(order.length).toBeGreaterThan(1500);
    expect(new Set(order).size).toBe(512);
    const jumps = order.slice(1).filter((page, i) => page !== order[i]! + 1);
    // It wraps around in its part, which may wrap around the memory.
    expect(new Set(jumps).size).toBeLessThanOrEqual(2);
  });

  test('phases: factors on the writes, repeated', async () => {
    const phases = [
      { ms: 100, factor: 0 },
      { ms: 50, factor: 3 },
      { ms: 50, factor: 1 },
    ];
    const guest = await synthetic('guest', { phases, writesPerSecond: 10_000, readsPerWrite: 0 }).open(3);
    const counts = [0, 0, 0];
    for (let round = 0; round < 8; round++)
      [100, 150, 200].forEach((end, phase) => {
        guest.run(round * 200 + end, () => {
          counts[phase]!++;
          return true;
        });
      });
    expect(counts[0]).toBe(0);
    expectNear(counts[1]!, 8 * 1500, 0.05);
    expectNear(counts[2]!, 8 * 500, 0.08);
  });

  test.each(['words', 'page'] as const)('%s: the unit of a write', async (kind) => {
    for (const content of ['text', 'pointers', 'random', 'zero'] as const) {
      const guest = await synthetic('guest', { writeUnit: kind, mix: { [content]: 1 }, hotShare: 1 }).open(3);
      const before = memory(guest);
      const times = new Uint32Array(guest.pages);
      guest.run(300, (page, write) => {
        if (write) times[page]!++;
        return true;
      });
      const changed = Array.from({ length: guest.pages }, (_, page) => page)
        .filter((page) => times[page] === 1)
        .map((page) => pageOf(guest, page).filter((byte, i) => byte !== before[page * PAGE + i]).length);
      expect(changed.length).toBeGreaterThan(100);
      expect(Math.min(...changed)).toBeGreaterThan(0);
      // 4 to 27 words, some of them equal; or a whole page.
      if (kind === 'words') expect(Math.max(...changed)).toBeLessThanOrEqual(27 * 8);
      else expect(sum(changed) / changed.length).toBeGreaterThan(PAGE / 2);
    }
  });
});

describe('synthetic guest: contents', () => {
  test('kinds by share', async () => {
    const mix = { zero: 0.3, text: 0.3, random: 0.2, pointers: 0.2 };
    const guest = await synthetic('guest', { bytes: 128 << 20, mix }).open(5);
    const kinds = { zero: 0, text: 0, random: 0, pointers: 0 };
    const page = Buffer.alloc(PAGE);
    for (let number = 0; number < guest.pages; number++) {
      guest.read(number, page);
      const zeros = page.filter((byte) => byte === 0).length;
      if (zeros === PAGE) kinds.zero++;
      else if (zeros > PAGE / 3) kinds.pointers++;
      else if (page.filter((byte) => byte === 10 || (byte >= 32 && byte < 123)).length > PAGE * 0.8)
        kinds.text++;
      else kinds.random++;
    }
    for (const [kind, share] of Object.entries(mix))
      expectNear(kinds[kind as keyof typeof kinds] / guest.pages, share, 0.12);
  });

  test('free, cached, duplicate and kept pages by share', async () => {
    const spec = synthetic('guest', {
      bytes: 64 << 20,
      mix: { text: 1 },
      hotShare: 0.01,
      freeShare: 0.25,
      cacheShare: 0.4,
      duplicateShare: 0.3,
      changedSinceVisit: 0.2,
    });
    const guest = await spec.open(5);
    let [free, cached, same] = [0, 0, 0];
    const contents = new Map<string, number>();
    const other = Buffer.alloc(PAGE);
    for (let page = 0; page < guest.pages; page++) {
      const now = pageOf(guest, page);
      contents.set(now.toString('latin1'), (contents.get(now.toString('latin1')) ?? 0) + 1);
      expect(guest.readKept(page, other)).toBe(true);
      if (other.equals(now)) same++;
      if (!guest.isAllocated(page)) free++;
      const block = guest.blockOf(page);
      if (block < 0) continue;
      cached++;
      guest.readBlock(block, other);
      expect(other.equals(now)).toBe(true);
    }
    expectNear(free / guest.pages, 0.25, 0.15);
    expectNear(same / guest.pages, 0.8, 0.1);
    // Neither free nor written.
    expectNear(cached / guest.pages, 0.4 * 0.75 * 0.8, 0.2);
    const duplicates = [...contents.values()].filter((count) => count > 2);
    expectNear(sum(duplicates) / guest.pages, 0.3 * 0.8, 0.15);
    expect(duplicates.length).toBe(32);
  });

  test('a written page is neither on the disk nor free', async () => {
    const guest = await synthetic('guest', { cacheShare: 1, freeShare: 0.5, hotShare: 1 }).open(5);
    const free = Array.from({ length: guest.pages }, (_, page) => !guest.isAllocated(page));
    expect(guest.readKept(0, Buffer.alloc(PAGE))).toBe(false);
    let given = 0;
    guest.run(500, (page, write) => {
      if (write && free[page]) given++;
      return true;
    });
    const { counts } = await writes(synthetic('guest', { cacheShare: 1, freeShare: 0.5, hotShare: 1 }), 500);
    expect(sum(counts)).toBeGreaterThan(500);
    const again = await synthetic('guest', { cacheShare: 1, freeShare: 0.5, hotShare: 1 }).open(3);
    again.run(500, () => true);
    counts.forEach((count, page) => {
      if (count > 0) expect([again.isAllocated(page), again.blockOf(page)]).toEqual([true, -1]);
      else expect(again.blockOf(page) >= 0).toBe(again.isAllocated(page));
    });
    expect(given).toBe(0);
  });

  test('a terabyte is simulated by a sample', async () => {
    const spec = syntheticGuest({
      name: 'large',
      bytes: 2 ** 40,
      samplePages: 4096,
      writesPerSecond: 50_000,
    });
    const guest = await spec.open(1);
    expect([guest.pages, guest.scale]).toEqual([4096, 65_536]);
    const link = { bitsPerSecond: 1e10, rttMs: 1 };
    const result = await simulate({ guest: spec, technique: 'pre-copy', link });
    expect([result.pages, result.scale, result.verified]).toEqual([4096, 65_536, true]);
    // The whole guest is sent at least once.
    expect(result.bytes).toBeGreaterThan(2 ** 40);
    expect(result.totalMs).toBeGreaterThan((2 ** 40 * 8000) / link.bitsPerSecond);
    expect(result.pagesSent).toBeLessThan(5 * 4096);
  });

  test.each([
    [{ bytes: 63 * PAGE }, /258048 bytes, expected at least 262144/],
    [{ samplePages: 10 }, /samplePages is 10, expected at least 64/],
    [{ writesPerSecond: -1 }, /writesPerSecond -1/],
    [{ mix: {} }, /mix has no share above 0/],
    [{ phases: [{ ms: 10, factor: 0 }] }, /phases have no factor above 0/],
  ])('refuses %j', (options, message) => {
    expect(() => synthetic('guest', options)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
    expect(() => synthetic('guest', options)).toThrow(message);
  });
});
