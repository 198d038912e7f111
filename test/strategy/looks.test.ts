// Looks of `adaptive` in virtual time: they happen where what they saved lately is worth more than they cost.
import { describe, expect, test } from 'vitest';
import type { CodecName } from '../../src/codec/registry.js';
import { adaptive } from '../../src/strategy/adaptive/adaptive.js';
import { Look } from '../../src/strategy/adaptive/look.js';
import { PageChoice } from '../../src/strategy/adaptive/page-choice.js';
import type { PageProfile, PageView, StreamState } from '../../src/strategy/strategy.js';
import { seeded } from '../support/kernels.js';
import { fakeStream } from './support.js';

const SEGMENT = 256;
const PAGE_BYTES = 4096;

/** A machine whose looks take virtual time, and a guest whose pages have versions of `deltaBytes`. */
class VirtualPages implements PageView {
  readonly pageBytes = PAGE_BYTES;
  readonly hasVersion = true;
  readonly hasSimilar = false;
  nowMs = 0;
  looks = 0;
  /** Time in which looks kept the thread, and pages' bytes on the link. */
  lookMs = 0;
  private readonly random = seeded(11);

  constructor(
    private readonly lookCostMs: (nowMs: number) => number,
    private readonly hitRate: (nowMs: number) => number,
    private readonly isIncompressible = false,
  ) {}

  profiles = 0;
  /** Of an incompressible page. */
  get profile(): PageProfile {
    this.profiles++;
    return { estimatedBytes: this.isIncompressible ? PAGE_BYTES : 1000 } as PageProfile;
  }

  measure(codec: CodecName): number {
    if (codec !== 'xbzrle') return Infinity;
    const ms = this.lookCostMs(this.nowMs);
    this.looks++;
    this.nowMs += ms;
    this.lookMs += ms;
    return this.random() / 2 ** 32 < this.hitRate(this.nowMs) ? 100 : Infinity;
  }

  state(linkBitsPerSecond: number): StreamState {
    return { ...fakeStream(linkBitsPerSecond), elapsedMs: () => this.nowMs };
  }
}

/** Choose codecs for pages until `untilMs`, with 1 ms beside looks for each MiB; return looks by page. */
function run(
  pages: VirtualPages,
  untilMs: number,
  at: (nowMs: number) => { price: number; link: number },
): { atMs: number; share: number }[] {
  const choice = new PageChoice();
  const segments: { atMs: number; share: number }[] = [];
  while (pages.nowMs < untilMs) {
    const { price, link } = at(pages.nowMs);
    const state = pages.state(link);
    const before = pages.looks;
    const atMs = pages.nowMs;
    choice.begin(state, price);
    for (let i = 0; i < SEGMENT; i++) choice.choose(pages, state, price);
    segments.push({ atMs, share: (pages.looks - before) / SEGMENT });
    pages.nowMs += 1;
  }
  return segments;
}

const shareOf = (segments: readonly { atMs: number; share: number }[], fromMs: number, toMs = Infinity) => {
  const within = segments.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  return within.reduce((sum, { share }) => sum + share, 0) / within.length;
};

const constant =
  <T>(value: T) =>
  () =>
    value;

describe('deltas against versions', () => {
  // A delta saves about 2 KB of a page: 16 µs of a link of 1 Gbit/s at price 1; a look takes 6.
  test('happen while they are worth it', () => {
    const segments = run(new VirtualPages(constant(0.006), constant(0.9)), 1000, () => ({
      price: 1,
      link: 1e9,
    }));
    expect(shareOf(segments, 0)).toBe(1);
  });

  test.each([
    ['nothing is found', 0.006, 0, 1, 1e9],
    ['they are slow', 0.2, 0.9, 1, 1e9],
    ['bytes are cheap', 0.006, 0.9, 0.02, 1e10],
  ])('end within 250 ms where %s, and are tried again after a while', (_, costMs, hitRate, price, link) => {
    const segments = run(new VirtualPages(constant(costMs), constant(hitRate)), 4000, () => ({
      price,
      link,
    }));
    const later = shareOf(segments, 250);
    expect(later).toBeGreaterThan(0);
    expect(later).toBeLessThan(1 / 30);
  });

  test.each<[string, VirtualPages, (nowMs: number) => { price: number; link: number }]>([
    [
      'bytes get dear',
      new VirtualPages(constant(0.006), constant(0.9)),
      (nowMs) => ({ price: nowMs < 2000 ? 0.02 : 4, link: 1e10 }),
    ],
    [
      'the link gets slow',
      new VirtualPages(constant(0.006), constant(0.9)),
      (nowMs) => ({ price: 1, link: nowMs < 2000 ? 4e10 : 1e9 }),
    ],
    [
      'pages have versions again',
      new VirtualPages(constant(0.006), (nowMs) => (nowMs < 2000 ? 0 : 0.9)),
      constant({ price: 1, link: 1e9 }),
    ],
    [
      'the thread gets its core back',
      new VirtualPages((nowMs) => (nowMs < 2000 ? 0.2 : 0.006), constant(0.9)),
      constant({ price: 1, link: 1e9 }),
    ],
  ])(
    'begin again where %s: within 250 ms, or 32 segments and the look that they are tried with',
    (_, pages, at) => {
      const segments = run(pages, 4000, at);
      expect(shareOf(segments, 500, 2000)).toBeLessThan(0.1);
      expect(shareOf(segments, 2000 + 600)).toBe(1);
    },
  );
});

test.each([
  ['are made while pages are incompressible', true, 0.5, 1],
  ['end where none is', false, 0, 0.1],
] as const)('profiles %s', (_, isIncompressible, least, most) => {
  const pages = new VirtualPages(constant(0.006), constant(0), isIncompressible);
  const segments = run(pages, 1000, constant({ price: 1, link: 1e8 }));
  const share = pages.profiles / (SEGMENT * segments.length);
  expect(share).toBeGreaterThan(least);
  expect(share).toBeLessThanOrEqual(most);
});

test('a lost core during one timed look does not end the looks', () => {
  const look = new Look({ costMs: 0.006 });
  for (let nowMs = 0; nowMs < 100; nowMs++) {
    look.timed(nowMs === 50 ? 40 : 0.006);
    look.looked(100, 90, 90 * 2000);
    expect(look.decide(nowMs, 8e-6, 0, 0), `at ${nowMs} ms`).toBe(true);
  }
});

test('a clock of 0.1 ms gives the mean cost', () => {
  const look = new Look({ costMs: 0.02 });
  // 100 looks of 6 µs: the clock moves at every 17th.
  for (let i = 0; i < 2000; i++) look.timed((Math.floor((i + 1) * 0.06) - Math.floor(i * 0.06)) * 0.1);
  look.looked(1000, 1000, 0);
  // A hit is worth 7 µs in one case and 5 in the other.
  expect(look.decide(0, 0, 0.0075, 0)).toBe(true);
  expect(look.decide(1, 0, 0.0045, 0)).toBe(false);
});

test('duplicates are looked up unless the link takes pages sooner', () => {
  const state = (link: number): StreamState => ({ ...fakeStream(link), elapsedMs: () => 0 });
  const looksAt = (link: number, ms: number) => {
    const strategy = adaptive();
    for (let segment = 0; segment < 40; segment++) {
      strategy.looks!(state(link));
      strategy.onLooked!({ pages: 256, pageBytes: PAGE_BYTES, hits: 0, ms: 256 * ms, timedPages: 256 });
    }
    return strategy.looks!(state(link)).duplicates;
  };
  expect(looksAt(1e8, 0.0001)).toBe(true);
  expect(looksAt(1e9, 0.0001)).toBe(true);
  expect(looksAt(1e10, 0.0001)).toBe(true);
  expect(looksAt(1e9, 0.01)).toBe(false);
  expect(looksAt(4e10, 0.0001)).toBe(false);
});
