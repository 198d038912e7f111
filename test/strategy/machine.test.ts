// The choice on a model of a machine (testing/machine/), in virtual time: against every fixed packing and
// against a bound on every mix, on recorded groups of seven guests.
import { describe, expect, test } from 'vitest';
import { adaptive } from '../../src/strategy/adaptive/adaptive.js';
import { bestFixed, mixBound } from '../../testing/machine/bounds.js';
import {
  type Cell,
  type CellResult,
  cells,
  geometricMean,
  MIB,
  machineOf,
  report,
} from '../../testing/machine/cells.js';
import { runMachine } from '../../testing/machine/machine.js';
import type { Machine } from '../../testing/machine/model.js';
import {
  GUESTS,
  type Guest,
  perturbed,
  type RecordedGroup,
  recordedGroups,
  repeated,
  type ZstdKind,
} from '../../testing/machine/tables.js';
import { seeded } from '../support/kernels.js';

const IMAGE_BYTES = 512 * MIB;
/** The goal in every cell against the best fixed packing. */
const GOAL = 1.05;
/**
 * What the strategy reaches today, so that a change that makes it worse is noticed: cells that miss the goal,
 * the worst ratio, and the mean. docs/performance/modelled-machines.md has the causes.
 */
const REACHED: Readonly<Record<Guest, readonly [missed: number, worst: number, mean: number]>> = {
  compile: [0, 1.04, 1],
  idle: [0, 1.05, 1],
  database: [0, 1.05, 1],
  physics: [2, 1.1, 1],
  'cache-heavy': [0, 1.05, 1],
  encrypted: [0, 1.04, 1.01],
  mixed: [2, 1.08, 1],
};

function measured(groups: readonly RecordedGroup[], cell: Cell, zstd: ZstdKind = 'node'): CellResult {
  const machine = machineOf(cell, zstd);
  const { finishMs } = runMachine(adaptive(), groups, machine);
  const { name: best, ms } = bestFixed(groups, machine);
  return { ...cell, best, toFixed: finishMs / ms, toBound: finishMs / mixBound(groups, machine) };
}

describe.each(GUESTS)('%s', (guest) => {
  test('80 machines against the best fixed packing and the bound on every mix', () => {
    const groups = repeated(recordedGroups(guest), IMAGE_BYTES);
    const results = cells().map((cell) => measured(groups, cell));
    console.log(report(guest, results));
    const fixed = results.map(({ toFixed }) => toFixed);
    const [missed, worst, mean] = REACHED[guest];
    expect(fixed.filter((ratio) => ratio > GOAL).length).toBeLessThanOrEqual(missed);
    expect(Math.max(...fixed)).toBeLessThanOrEqual(worst);
    expect(geometricMean(fixed)).toBeLessThan(mean);
    expect(geometricMean(results.map(({ toBound }) => toBound))).toBeLessThan(1.25);
  });
});

/**
 * The same with the zstd of the kernels alone, as on Node 20, and beside Node's own, as on Node 24, on every
 * second machine: these cells are a few of those in docs/performance/modelled-machines.md.
 */
const REACHED_BY: readonly (readonly [ZstdKind, Guest, missed: number, worst: number, mean: number])[] = [
  ['kernels', 'compile', 1, 1.06, 1.01],
  ['kernels', 'database', 1, 1.1, 1],
  ['both', 'database', 1, 1.1, 1],
];

test.each(REACHED_BY)('zstd of %s: %s', (zstd, guest, missed, worst, mean) => {
  const groups = repeated(recordedGroups(guest, zstd), IMAGE_BYTES);
  const some = cells().filter(({ cores }) => cores === 2 || cores === 8);
  const results = some.map((cell) => measured(groups, cell, zstd));
  console.log(report(`${guest}, zstd of ${zstd}`, results));
  const fixed = results.map(({ toFixed }) => toFixed);
  expect(fixed.filter((ratio) => ratio > GOAL).length).toBeLessThanOrEqual(missed);
  expect(Math.max(...fixed)).toBeLessThanOrEqual(worst);
  expect(geometricMean(fixed)).toBeLessThan(mean);
});

test('other costs and sizes: every packing by a factor of 0.7 to 1.4', () => {
  const results: CellResult[] = [];
  for (const guest of ['database', 'physics', 'encrypted'] as const) {
    const next = seeded(guest.length);
    const groups = repeated(
      perturbed(recordedGroups(guest), () => next() / 2 ** 32),
      IMAGE_BYTES,
    );
    for (const cell of cells())
      if (cell.cores !== 4 && cell.speed !== 0.25) results.push(measured(groups, cell));
  }
  console.log(report('perturbed', results));
  const fixed = results.map(({ toFixed }) => toFixed);
  expect(geometricMean(fixed)).toBeLessThan(1.03);
  expect(fixed.filter((ratio) => ratio > GOAL).length).toBeLessThan(0.21 * fixed.length);
});

describe('steps in mid-stream: within 1.15 of the best fixed packing', () => {
  const groups = repeated(recordedGroups('database'), IMAGE_BYTES);
  const stepAt = (ms: number, before: number, then: number) => (now: number) => (now < ms ? before : then);
  const base: Machine = { cores: 2, speedAt: () => 1, linkAt: () => 1e9 };
  const steps: Readonly<Record<string, Machine>> = {
    'the link halves': { ...base, linkAt: stepAt(800, 1e9, 5e8), steps: [800] },
    'the link halves, and its rate was given': {
      ...base,
      linkAt: stepAt(800, 1e9, 5e8),
      givenLink: 1e9,
      steps: [800],
    },
    'the link is ten times as fast': { ...base, linkAt: stepAt(2000, 1e8, 1e9), steps: [2000] },
    'the CPU is four times as slow': { ...base, speedAt: stepAt(800, 1, 0.25), steps: [800] },
    'the CPU is taken away for a second': {
      ...base,
      competitorsAt: (now) => (now > 700 && now < 1700 ? 6 : 0),
      steps: [700, 800, 1700, 1800],
    },
  };
  test.each(Object.entries(steps))('%s', (_, machine) => {
    const { finishMs } = runMachine(adaptive(), groups, machine);
    expect(finishMs / bestFixed(groups, machine).ms).toBeLessThan(1.15);
  });

  test('the data changes its kind', () => {
    const halves = [
      ...repeated(recordedGroups('encrypted'), IMAGE_BYTES / 2),
      ...repeated(recordedGroups('database'), IMAGE_BYTES / 2),
    ];
    for (const link of [1e8, 1e9]) {
      const machine = { ...base, linkAt: () => link };
      const { finishMs } = runMachine(adaptive(), halves, machine);
      expect(finishMs / bestFixed(halves, machine).ms, `${link} bit/s`).toBeLessThan(1.15);
    }
  });
});

test('a link at a quarter of its given rate', () => {
  const ratios = GUESTS.map((guest) => {
    const groups = repeated(recordedGroups(guest), IMAGE_BYTES);
    const machine = machineOf({ speed: 1, cores: 2, link: 2.5e8 });
    const { finishMs } = runMachine(adaptive(), groups, { ...machine, givenLink: 1e9 });
    return finishMs / bestFixed(groups, machine).ms;
  });
  expect(ratios.filter((ratio) => ratio > GOAL)).toHaveLength(2);
  // 1.10 where the given rate is believed.
  expect(geometricMean(ratios)).toBeLessThan(1.06);
});

test('a link that keeps its given rate: the measured rate changes nothing', () => {
  const groups = repeated(recordedGroups('database'), 64 * MIB);
  for (const link of [1e7, 1e9, 4e10]) {
    const machine = machineOf({ speed: 1, cores: 2, link });
    const { choices } = runMachine(adaptive(), groups, { ...machine, givenLink: link });
    expect(choices).toEqual(runMachine(adaptive(), groups, machine).choices);
  }
});

test('the same machine gives the same choices', () => {
  const groups = repeated(recordedGroups('idle'), 64 * MIB);
  const run = () => runMachine(adaptive(), groups, machineOf({ speed: 0.25, cores: 2, link: 1e8 }));
  expect(run()).toEqual(run());
});
