import { expect, test } from 'vitest';
import { adaptive } from '../../src/strategy/adaptive/adaptive.js';
import type { Packing } from '../../src/strategy/strategy.js';
import { type Simulation, simulate, type TruePacking } from './link-simulation.js';

/** Speed on one thread, and the ratio of pages with an estimated ratio of 0.5. */
const TRUTH: Record<string, TruePacking> = {
  raw: { bytesPerMs: 4e6, ratio: 1 },
  lz4: { bytesPerMs: 700e3, ratio: 0.46 },
  'zstd 1': { bytesPerMs: 450e3, ratio: 0.36 },
  'zstd 3': { bytesPerMs: 300e3, ratio: 0.34 },
  'zstd 5': { bytesPerMs: 160e3, ratio: 0.33 },
  'zstd 7': { bytesPerMs: 100e3, ratio: 0.323 },
  'zstd 9': { bytesPerMs: 80e3, ratio: 0.319 },
  'zstd 10': { bytesPerMs: 65e3, ratio: 0.318 },
  'zstd 11': { bytesPerMs: 55e3, ratio: 0.3175 },
  'zstd 12': { bytesPerMs: 45e3, ratio: 0.317 },
};
const truth = ({ name, level }: Packing) => TRUTH[level === undefined ? name : `${name} ${level}`]!;

const base: Simulation = {
  groups: 1200,
  groupBytes: 2 << 20,
  estimate: () => 0.5,
  truth,
  rateAt: () => 1e9,
  profileMs: 1,
  threads: 2,
  isRateGiven: false,
};

/** 10 Gbit/s, then 100 Mbit/s for some seconds, then 10 Gbit/s again. */
const changing = (ms: number) => (ms >= 300 && ms < 5000 ? 100e6 : 10e9);

test('a changing link: within 10 % of an encoder that is given the rate', () => {
  const measured = simulate(adaptive(), { ...base, rateAt: changing });
  const oracle = simulate(adaptive(), { ...base, rateAt: changing, isRateGiven: true });
  expect(measured.totalMs / oracle.totalMs).toBeLessThan(1.1);
});

test('packing follows a change of the link within a second', () => {
  const { choices } = simulate(adaptive(), { ...base, rateAt: changing });
  const ratioBetween = (from: number, to: number) => {
    const some = choices.filter(({ atMs }) => atMs >= from && atMs < to);
    return some.reduce((sum, { bytes }) => sum + bytes, 0) / (some.length * base.groupBytes);
  };
  expect(ratioBetween(150, 300)).toBeGreaterThan(0.6);
  expect(ratioBetween(1300, 5000)).toBeLessThan(0.36);
  expect(ratioBetween(6000, Infinity)).toBeGreaterThan(0.6);
});

for (const rate of [50e6, 100e6, 1e9, 3e9])
  test(`a measured link of ${rate / 1e6} Mbit/s: within 10 % of the best fixed packing`, () => {
    const groups = rate < 1e9 ? 150 : 600;
    const of = (packing: Packing) =>
      simulate(
        { name: 'fixed', choose: () => 'group', pack: () => packing },
        { ...base, groups, rateAt: () => rate },
      ).totalMs;
    const fixed: Packing[] = [
      { name: 'raw' },
      { name: 'lz4' },
      ...[1, 3, 9].map((level): Packing => ({ name: 'zstd', level })),
    ];
    const best = Math.min(...fixed.map(of));
    expect(simulate(adaptive(), { ...base, groups, rateAt: () => rate }).totalMs / best).toBeLessThan(1.1);
  });

test('incompressible groups are packed in less than 2 % of cases', () => {
  const random = (i: number) => i % 4 !== 0;
  const sim: Simulation = {
    ...base,
    rateAt: () => 500e6,
    estimate: (i) => (random(i) ? 1 : 0.4),
    truth: (packing, i) => (random(i) ? { ...truth(packing), ratio: 1 } : truth(packing)),
  };
  const { choices } = simulate(adaptive(), sim);
  const packed = choices.filter(({ packing }, i) => random(i) && packing.name !== 'raw');
  expect(packed.length).toBeLessThan(0.02 * choices.length);
});

test('the same costs, clock and link give the same choices', () => {
  const run = () => simulate(adaptive(), { ...base, groups: 200, rateAt: changing });
  expect(run()).toEqual(run());
});
