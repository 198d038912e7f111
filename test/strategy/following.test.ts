// Changes in mid-stream, in virtual time: within 250 ms or 16 MiB, whichever is later, `adaptive` chooses
// about what it chooses when it is started in the new state.
import { expect, test } from 'vitest';
import { adaptive } from '../../src/strategy/adaptive/adaptive.js';
import { MIB, machineOf } from '../../testing/machine/cells.js';
import { type Following, follow } from '../../testing/machine/following.js';
import type { Machine } from '../../testing/machine/model.js';
import { recordedGroups, repeated } from '../../testing/machine/tables.js';

const KINDS = ['compile', 'idle', 'database', 'physics', 'cache-heavy', 'encrypted'] as const;
/** The slowest stage takes at most this times as long as with the choices of a new start. */
const FOLLOWED = 1.1;
const STEP_AT = 0.3;

const IMAGES = KINDS.map((kind) => repeated(recordedGroups(kind), 1024 * MIB));
const CELLS = [2, 8].flatMap((cores) => [1e8, 1e9].map((link) => machineOf({ speed: 1, cores, link })));
const at = (machine: Machine, factors: { link?: number; speed?: number; competitors?: number }): Machine => ({
  ...machine,
  linkAt: (ms) => machine.linkAt(ms) * (factors.link ?? 1),
  speedAt: (ms) => machine.speedAt(ms) * (factors.speed ?? 1),
  competitorsAt: () => (factors.competitors ?? 0) * machine.cores,
});

const followed = (all: readonly Following[]) => all.filter(({ ratio }) => ratio <= FOLLOWED).length;
const stuck = (all: readonly Following[]) => all.filter(({ stuckRatio }) => stuckRatio <= FOLLOWED).length;

// Cases of 24 that are followed today, so that a change that makes it worse is noticed.
test.each([
  ['the link halves', {}, { link: 0.5 }, 24],
  ['the link is ten times as fast', { link: 0.1 }, {}, 21],
  ['the link is a tenth as fast', {}, { link: 0.1 }, 24],
  ['the CPU is a quarter as fast', {}, { speed: 0.25 }, 23],
  ['the CPU is four times as fast', { speed: 0.25 }, {}, 23],
  ['other processes take three quarters of the cores', {}, { competitors: 3 }, 23],
  ['other processes give the cores back', { competitors: 3 }, {}, 24],
] as const)('%s', (_, before, after, followedToday) => {
  const all = IMAGES.flatMap((groups) =>
    CELLS.map((machine) =>
      follow(adaptive, {
        groups,
        before: at(machine, before),
        after: at(machine, after),
        at: Math.floor(groups.length * STEP_AT),
      }),
    ),
  );
  expect(followed(all)).toBeGreaterThanOrEqual(followedToday);
  // The step matters: a strategy that does not notice it is further off.
  expect(stuck(all)).toBeLessThan(followed(all));
});

test('the data changes its kind', () => {
  const machine = machineOf({ speed: 1, cores: 2, link: 1e9 });
  const all = KINDS.flatMap((kind) =>
    KINDS.filter((other) => other !== kind).map((other) => {
      const first = repeated(recordedGroups(kind), 300 * MIB);
      const groups = [...first, ...repeated(recordedGroups(other), 800 * MIB)];
      return follow(adaptive, { groups, before: machine, after: machine, at: first.length });
    }),
  );
  expect(all.length).toBe(30);
  expect(followed(all)).toBeGreaterThanOrEqual(28);
});
