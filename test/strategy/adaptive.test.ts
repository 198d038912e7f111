import { beforeAll, describe, expect, test } from 'vitest';
import type { CodecName } from '../../src/codec/registry.js';
import {
  type GroupView,
  type Packing,
  type PageView,
  type Strategy,
  strategyByName,
} from '../../src/index.js';
import { pageKinds } from '../codec/harness.js';
import { type FakeStream, fakeStream, groupOf, type Viewed, viewer } from './support.js';

const PAGE = 4096;
const MIB = 1 << 20;

/** Speed and ratio of every packing on a synthetic machine. */
type Machine = (packing: Packing) => { readonly bytesPerMs: number; readonly ratio: number };
const COSTS: Record<string, readonly [number, number]> = {
  raw: [1e7, 1],
  lz4: [600e3, 0.45],
  'zstd 1': [400e3, 0.34],
  'zstd 3': [300e3, 0.32],
  'zstd 5': [170e3, 0.315],
  'zstd 7': [110e3, 0.31],
  'zstd 9': [88e3, 0.307],
};
const usual: Machine = ({ name, level = 3 }) => {
  const [bytesPerMs, ratio] = COSTS[name === 'zstd' ? `zstd ${level}` : name] ?? [40e3, 0.304];
  return { bytesPerMs, ratio };
};

/**
 * Drives a strategy group by group on a fake clock, like an encoder on one thread; returns packings and
 * finish time.
 */
function drive(
  strategy: Strategy,
  stream: FakeStream,
  groups: number,
  machine: Machine,
  group: GroupView,
): { packings: Packing[]; sentMs: number } {
  let linkFreeMs = 0;
  const packings = Array.from({ length: groups }, () => {
    const packing = strategy.pack!(group, stream);
    const { bytesPerMs, ratio } = machine(packing);
    const ms = group.bytes / bytesPerMs;
    const packedBytes = Math.round(group.bytes * ratio);
    stream.now += ms;
    stream.bytesOut += packedBytes;
    strategy.onPacked?.({ packing, group, packedBytes, ms });
    linkFreeMs = Math.max(linkFreeMs, stream.now) + (packedBytes * 8000) / stream.linkBitsPerSecond;
    // The encoder waits once a few frames are queued for the link.
    stream.now = Math.max(stream.now, linkFreeMs - (4 * group.bytes * 8000) / stream.linkBitsPerSecond);
    return packing;
  });
  return { packings, sentMs: linkFreeMs };
}

const always = (packing: Packing): Strategy => ({
  name: 'always',
  choose: () => 'group',
  pack: () => packing,
});
const strength = ({ name, level = 0 }: Packing) => (name === 'raw' ? 0 : name === 'lz4' ? 1 : 1 + level);
const mean = (packings: readonly Packing[]) =>
  packings.reduce((sum, packing) => sum + strength(packing), 0) / packings.length;

describe('packing', () => {
  test('a link faster than any packing gets stored pages', () => {
    const { packings } = drive(strategyByName('adaptive'), fakeStream(4e11), 30, usual, groupOf(MIB));
    expect(packings.every(({ name }) => name === 'raw')).toBe(true);
  });

  test('slower links get stronger packing', () => {
    const strengths = [1e11, 1e10, 1e9, 1e8, 1e7].map((link) =>
      mean(drive(strategyByName('adaptive'), fakeStream(link), 60, usual, groupOf(MIB)).packings.slice(20)),
    );
    expect(strengths).toEqual(strengths.toSorted((a, b) => a - b));
    expect(strengths[0]).toBe(0);
    expect(strengths.at(-1)).toBeGreaterThan(2);
  });

  test('within 15 % of the best fixed packing on every link', () => {
    const single: Packing[] = [
      { name: 'raw' },
      { name: 'lz4' },
      { name: 'zstd', level: 1 },
      { name: 'zstd', level: 3 },
    ];
    for (const link of [1e11, 1e10, 5e9, 2e9, 1e9, 3e8, 1e8, 1e7]) {
      const times = single.map(
        (packing) => drive(always(packing), fakeStream(link), 100, usual, groupOf(MIB)).sentMs,
      );
      const { sentMs } = drive(strategyByName('adaptive'), fakeStream(link), 100, usual, groupOf(MIB));
      expect(sentMs / Math.min(...times), `${link} bit/s`).toBeLessThan(1.15);
    }
  });

  test('incompressible groups are stored where packing them takes time', () => {
    const incompressible: Machine = (packing) => ({ ...usual(packing), ratio: 1 });
    for (const link of [1e11, 1e10, 5e9, 1e9, 1e8]) {
      const { packings, sentMs } = drive(
        strategyByName('adaptive'),
        fakeStream(link),
        100,
        incompressible,
        groupOf(MIB, 1),
      );
      const plain = drive(always({ name: 'raw' }), fakeStream(link), 100, incompressible, groupOf(MIB, 1));
      expect(sentMs / plain.sentMs, `${link} bit/s`).toBeLessThan(1.1);
      if (link >= 1e10) expect(mean(packings.slice(50))).toBeLessThan(0.5);
    }
  });

  test.each([2, 4, 10])('adapts to a machine that packs %d times slower than the initial costs', (slower) => {
    const machine: Machine = (packing) => ({
      ...usual(packing),
      bytesPerMs: usual(packing).bytesPerMs / (packing.name === 'raw' ? 1 : slower),
    });
    const single: Packing[] = [
      { name: 'raw' },
      { name: 'lz4' },
      { name: 'zstd', level: 1 },
      { name: 'zstd', level: 3 },
    ];
    for (const link of [1e10, 2e9, 1e9, 3e8, 1e8]) {
      const times = single.map(
        (packing) => drive(always(packing), fakeStream(link), 200, machine, groupOf(MIB)).sentMs,
      );
      const { sentMs } = drive(strategyByName('adaptive'), fakeStream(link), 200, machine, groupOf(MIB));
      expect(sentMs / Math.min(...times), `${link} bit/s`).toBeLessThan(1.6);
    }
  });

  test('ignores results that carry no information', () => {
    const strategy = strategyByName('adaptive');
    const stream = fakeStream(1e9);
    for (let n = 0; n < 20; n++) {
      const packing = strategy.pack!(groupOf(MIB), stream);
      stream.now += 3;
      stream.bytesOut += packing.expectedBytes ?? MIB;
      expect(Number.isFinite(packing.expectedMs ?? 0) && Number.isFinite(packing.expectedBytes ?? 0)).toBe(
        true,
      );
      // Too small, no time, an unknown level.
      strategy.onPacked?.({ packing, group: groupOf(100), packedBytes: 90, ms: 50 });
      strategy.onPacked?.({ packing, group: groupOf(MIB), packedBytes: MIB / 2, ms: 0 });
      strategy.onPacked?.({
        packing: { name: 'zstd', level: 17 },
        group: groupOf(MIB),
        packedBytes: 1,
        ms: 1,
      });
    }
  });

  test('packs with LZ4 where zstd is not available', () => {
    for (const link of [1e10, 1e9, 1e8, 1e7]) {
      const { packings } = drive(
        strategyByName('adaptive'),
        fakeStream(link, { zstd: false }),
        40,
        usual,
        groupOf(MIB),
      );
      expect(packings.every(({ name }) => name !== 'zstd')).toBe(true);
      if (link <= 1e8) expect(packings.filter(({ name }) => name === 'lz4').length).toBeGreaterThan(20);
    }
  });

  test('options follow the implementations of zstd from the first group on', () => {
    const expected = (zstd: { zstdName?: string; hasBothZstd?: boolean } = {}) =>
      strategyByName('adaptive').pack!(groupOf(MIB), { ...fakeStream(1e8), ...zstd });
    const usually = expected();
    expect(expected({ zstdName: 'node:zlib' })).toEqual(usually);
    const byKernels = expected({ zstdName: 'pageferry' });
    expect(byKernels).toMatchObject({ name: 'zstd', encoder: 'wasm' });
    expect(strength(byKernels)).toBeLessThanOrEqual(strength(usually));
  });

  test.each([undefined, 'wasm'] as const)('of two implementations the faster one packs: %s', (fast) => {
    const stream = { ...fakeStream(4e8), zstdName: 'node:zlib', hasBothZstd: true };
    stream.elapsedMs = () => stream.now;
    const machine: Machine = (packing) => {
      const { bytesPerMs, ratio } = usual(packing);
      const isSlow = packing.name === 'zstd' && packing.encoder !== fast;
      return { bytesPerMs: isSlow ? bytesPerMs / 3 : bytesPerMs, ratio };
    };
    const { packings } = drive(strategyByName('adaptive'), stream, 120, machine, groupOf(MIB));
    const zstd = packings.slice(-40).filter(({ name }) => name === 'zstd');
    expect(zstd.length).toBeGreaterThan(20);
    expect(zstd.filter(({ encoder }) => encoder === fast).length).toBeGreaterThan(0.9 * zstd.length);
  });

  test('group sizes are within the encoder’s limits', () => {
    const { groupBytes } = strategyByName('adaptive');
    for (const link of [1e6, 1e8, 1e9, 1e10, 1e12]) {
      const bytes = groupBytes!(fakeStream(link));
      expect(bytes).toBeGreaterThanOrEqual(65536);
      expect(bytes).toBeLessThanOrEqual(8 * MIB);
    }
  });
});

describe('pages', () => {
  let view: (page: Uint8Array, more?: Viewed) => PageView;
  beforeAll(async () => {
    view = await viewer();
  });
  const kinds = pageKinds(PAGE, 8);
  const changedIn = (page: Uint8Array, bytes: number) =>
    page.map((byte, i) => (i % Math.floor(PAGE / bytes) === 0 ? byte ^ 0x55 : byte));
  const choose = (page: Uint8Array, more: Viewed, link = 1e9) =>
    strategyByName('adaptive').choose(view(page, more), fakeStream(link));

  test('a page with few changes becomes a delta', () => {
    for (const link of [1e7, 1e9, 3e9]) {
      expect(choose(kinds.random!, { last: changedIn(kinds.random!, 10) }, link)).toBe('xbzrle');
      expect(choose(kinds.random!, { similarBytes: 40 }, link)).toBe('similar');
    }
  });

  test('searches no delta on a fast link', () => {
    const page = view(kinds.random!, { last: changedIn(kinds.random!, 10) });
    const measured: string[] = [];
    const measure = (name: CodecName) => {
      measured.push(name);
      return page.measure(name);
    };
    const observed = { ...page, measure };
    expect(strategyByName('adaptive').choose(observed, fakeStream(1e11))).toBe('group');
    expect(measured).toEqual([]);
  });

  test('chooses the smaller of two deltas, and no large one', () => {
    const last = changedIn(kinds.random!, 300);
    const delta = view(kinds.random!, { last }).measure('xbzrle');
    expect(choose(kinds.random!, { last, similarBytes: delta - 1 })).toBe('similar');
    expect(choose(kinds.random!, { last, similarBytes: delta + 1 })).toBe('xbzrle');
    expect(choose(kinds.text!, { last: kinds.random!, similarBytes: PAGE - 10 })).toBe('group');
  });

  test('a page without a delta goes to the group; on a slow link noise becomes raw', () => {
    for (const link of [1e7, 1e9, 1e11]) expect(choose(kinds.text!, {}, link)).toBe('group');
    expect(choose(kinds.random!, {}, 1e7)).toBe('raw');
  });
});
