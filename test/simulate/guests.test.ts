import { describe, expect, test } from 'vitest';
import { traceGuest } from '../../src/simulate/guest/trace.js';
import { wasmProgramGuest } from '../../src/simulate/guest/wasm-program.js';
import type { Guest, GuestSpec } from '../../src/simulate/guest.js';
import { seeded } from '../support/kernels.js';
import { GUESTS, memory, PAGE, pageOf, snapshots } from './guests.js';

const ALL: Readonly<Record<string, GuestSpec>> = { ...GUESTS, kernels: wasmProgramGuest() };

/**
 * Returns every access up to `toMs` as text, in steps of `stepMs`; accesses are delayed where `refuse`
 * returns true.
 */
function accesses(guest: Guest, toMs: number, stepMs: number, refuse: () => boolean = () => false): string[] {
  const done: string[] = [];
  for (let ms = stepMs; ms <= toMs; ms += stepMs)
    for (let reached = -1; reached < ms; ) {
      const refused: number[] = [];
      reached = guest.run(ms, (page, write) => {
        if (refuse()) {
          refused.push(page);
          return false;
        }
        done.push(`${write ? 'w' : 'r'}${page}`);
        return true;
      });
      expect(reached).toBeLessThanOrEqual(ms);
      // It stops before the target only at a refused access.
      expect(reached < ms).toBe(refused.length > 0);
    }
  return done;
}

describe.each(Object.entries(ALL))('%s', (_, spec) => {
  test('repeats its accesses, whatever the steps and refusals', async () => {
    const [whole, cut, waits] = await Promise.all([spec.open(9), spec.open(9), spec.open(9)]);
    const random = seeded(1);
    const all = accesses(whole, 420, 420);
    expect(all.filter((access) => access.startsWith('w')).length).toBeGreaterThan(100);
    expect(accesses(cut, 420, 7)).toEqual(all);
    expect(accesses(waits, 420, 60, () => random() % 5 === 0)).toEqual(all);
    for (const other of [cut, waits]) expect(Buffer.compare(memory(other), memory(whole))).toBe(0);
    for (const guest of [whole, cut, waits]) guest.close();
  });

  test('another seed gives other accesses; only written pages change', async () => {
    const [one, other] = await Promise.all([spec.open(1), spec.open(2)]);
    const before = memory(one);
    const written = new Set<number>();
    one.run(220, (page, write) => {
      expect(page >= 0 && page < one.pages).toBe(true);
      if (write) written.add(page);
      return true;
    });
    const after = memory(one);
    for (let page = 0; page < one.pages; page++) {
      const at = page * PAGE;
      if (!written.has(page))
        expect(before.compare(after, at, at + PAGE, at, at + PAGE), `page ${page}`).toBe(0);
    }
    expect(before.equals(after)).toBe(false);
    const log = accesses(other, 300, 300);
    expect(log).not.toEqual(accesses(await spec.open(1), 300, 300));
  });
});

describe('trace', () => {
  const { images, snapshots: list } = snapshots(64, 3);

  test('replays the snapshots forward and backward', async () => {
    const guest = await traceGuest('trace', list, { intervalMs: 100 }).open(1);
    expect(memory(guest).equals(images[0]!)).toBe(true);
    for (const [i, image] of [1, 2, 1, 0, 1].entries()) {
      // Between two snapshots, each page is as in one of them.
      guest.run(100 * i + 50, () => true);
      expect(memory(guest).equals(images[image]!)).toBe(false);
      guest.run(100 * (i + 1), () => true);
      expect(memory(guest).equals(images[image]!)).toBe(true);
    }
  });

  test('writes each differing page once, after three reads close by', async () => {
    const guest = await traceGuest('trace', list, { intervalMs: 100 }).open(1);
    const done = accesses(guest, 100, 100);
    const differing = Array.from({ length: 64 }, (_, page) => page).filter(
      (page) =>
        Buffer.compare(
          images[0]!.subarray(page * PAGE, (page + 1) * PAGE),
          images[1]!.subarray(page * PAGE, (page + 1) * PAGE),
        ) !== 0,
    );
    const written = done.filter((access) => access.startsWith('w')).map((access) => Number(access.slice(1)));
    expect(written.toSorted((a, b) => a - b)).toEqual(differing);
    expect(done.map((access) => access[0]).join('')).toBe('rrrw'.repeat(differing.length));
  });

  test('of a return visit starts at the second snapshot and keeps the first', async () => {
    const guest = await traceGuest('trace', list, { intervalMs: 100, isReturnVisit: true }).open(1);
    expect(memory(guest).equals(images[1]!)).toBe(true);
    const kept = Buffer.alloc(PAGE);
    expect(guest.readKept(5, kept)).toBe(true);
    expect(kept.equals(images[0]!.subarray(5 * PAGE, 6 * PAGE))).toBe(true);
    guest.run(100, () => true);
    expect(memory(guest).equals(images[2]!)).toBe(true);
    const other = await traceGuest('trace', list).open(1);
    expect(other.readKept(5, kept)).toBe(false);
  });

  test('of more than 255 snapshots', async () => {
    const many = Array.from({ length: 300 }, (_, i) => ({
      name: `${i}`,
      bytes: PAGE,
      readAt: (into: Uint8Array) => {
        into.fill(0);
        into[0] = i;
        into[1] = i >> 8;
        return PAGE;
      },
    }));
    const guest = await traceGuest('trace', many, { intervalMs: 1 }).open(1);
    guest.run(290, () => true);
    expect([...pageOf(guest, 0).subarray(0, 2)]).toEqual([290 & 255, 1]);
  });

  test('of one snapshot never writes', async () => {
    const guest = await traceGuest('trace', list.slice(0, 1)).open(1);
    expect(guest.run(1e6, () => false)).toBe(1e6);
    expect(memory(guest).equals(images[0]!)).toBe(true);
  });

  test.each([
    [[], {}, /expected snapshots of at least one page/],
    [[list[0]!, snapshots(65, 1).snapshots[0]!], {}, /266240 bytes, expected 262144 as in snapshot 0/],
    [[{ name: 'pipe', bytes: 4096 }], {}, /pipe: 4096 bytes/],
    [list.slice(0, 1), { isReturnVisit: true }, /isReturnVisit needs at least two snapshots/],
  ])('refuses invalid snapshots (%#)', (given, options, message) => {
    expect(() => traceGuest('trace', given, options)).toThrow(message);
  });
});
