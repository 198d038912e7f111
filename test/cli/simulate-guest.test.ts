// The guests that --guest names are what their names say.
import { describe, expect, test } from 'vitest';
import type { Guest } from '../../src/simulate/guest.js';
import { parseGuestSpec } from '../../src/simulate/guest-spec.js';
import { simulate } from '../../src/simulate/simulate.js';

const open = async (spec: string): Promise<Guest> => parseGuestSpec(spec).open(1);

/** Count the writes in the first `untilMs` of guest time. */
function writes(guest: Guest, toMs: number): number {
  let count = 0;
  guest.run(toMs, (_page, write) => {
    if (write) count++;
    return true;
  });
  return count;
}

const blocks = (guest: Guest) =>
  Array.from({ length: guest.pages }, (_, page) => guest.blockOf(page)).filter((block) => block >= 0);
const linkOf = (bitsPerSecond: number) => ({ bitsPerSecond, rttMs: 0.2 });

describe('presets', () => {
  test('idle writes little, write-heavy much, bursty at intervals', async () => {
    const [idle, busy] = [writes(await open('idle'), 2000), writes(await open('write-heavy'), 2000)];
    expect(idle).toBeGreaterThan(0);
    expect(busy).toBeGreaterThan(50 * idle);
    const bursty = await open('bursty');
    const calm = writes(bursty, 800);
    expect(writes(bursty, 1200)).toBeGreaterThan(10 * calm);
  });

  test('cache-heavy mirrors a disk for most of its pages', async () => {
    const guest = await open('cache-heavy,size=32M');
    expect(blocks(guest).length).toBeGreaterThan(0.5 * guest.pages);
    expect(blocks(await open('write-heavy,size=32M')).length).toBeLessThan(0.2 * guest.pages);
  });

  test('return-visit was at the other host before, and most of it is what it was', async () => {
    const guest = await open('return-visit,size=16M');
    const [then, now] = [Buffer.alloc(4096), Buffer.alloc(4096)];
    let same = 0;
    for (let page = 0; page < guest.pages; page++) {
      expect(guest.readKept(page, then)).toBe(true);
      guest.read(page, now);
      if (now.equals(then)) same++;
    }
    expect(same / guest.pages).toBeGreaterThan(0.7);
    expect(same).toBeLessThan(guest.pages);
    expect((await open('idle,size=16M')).readKept(0, then)).toBe(false);
  });

  test('diverging is written to faster than 1 Gbit/s carries whole pages', async () => {
    const found = await simulate({
      guest: parseGuestSpec('diverging'),
      technique: 'pre-copy',
      link: linkOf(1e9),
    });
    expect(found.limitReached).toMatch(/^did not converge: /);
    expect(found.verified).toBe(true);
  }, 60_000);
});

test('settings override the preset, or work without one', async () => {
  expect((await open('idle,size=1M')).pages).toBe(256);
  expect((await open('size=0.5M,writes=0')).pages).toBe(128);
  expect(writes(await open('size=1M,writes=0'), 5000)).toBe(0);
  const large = await open('idle,size=4T,sample=1024');
  expect([large.pages, large.scale]).toEqual([1024, 2 ** 30 / 1024]);
  const zero = await open('size=1M,mix=zero:1,free=0');
  const page = Buffer.alloc(4096, 1);
  for (let n = 0; n < zero.pages; n++) {
    zero.read(n, page);
    expect(page.every((byte) => byte === 0)).toBe(true);
  }
  expect(zero.isAllocated(5)).toBe(true);
  const free = await open('size=1M,free=1,hot=0');
  expect(Array.from({ length: 256 }, (_, n) => free.isAllocated(n)).filter(Boolean).length).toBeLessThan(16);
  expect(blocks(await open('size=1M,cache=1,free=0')).length).toBe(256);
});

test('a sequential writer goes round in its part', async () => {
  const guest = await open('size=1M,pattern=sequential,hot=0.25,writes=10000,reads=0');
  const pages = new Set<number>();
  guest.run(1000, (page) => {
    pages.add(page);
    return true;
  });
  expect(pages.size).toBe(64);
});

test('a page that is written as a whole has little of what it had', async () => {
  const changed = async (change: string) => {
    const guest = await open(`size=1M,mix=text:1,hot=0,hot-writes=1,change=${change},writes=1000,reads=0`);
    let written = -1;
    const before = Array.from({ length: guest.pages }, (_, page) => {
      const bytes = Buffer.alloc(4096);
      guest.read(page, bytes);
      return bytes;
    });
    guest.run(50, (page) => {
      written = page;
      return true;
    });
    const after = Buffer.alloc(4096);
    guest.read(written, after);
    return after.filter((byte, i) => byte !== before[written]![i]).length;
  };
  const [words, page] = [await changed('words'), await changed('page')];
  expect(words).toBeGreaterThan(0);
  expect(page).toBeGreaterThan(3 * words);
});
