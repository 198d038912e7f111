// Options of `simulate`, and values that a caller's own guest, link or technique returns, with which the
// simulation would not end or would give wrong results.
import { expect, test } from 'vitest';
import { MEASURED_COSTS } from '../../src/simulate/costs.js';
import type { LinkSpec } from '../../src/simulate/link.js';
import type { Migration } from '../../src/simulate/migration.js';
import { simulate } from '../../src/simulate/simulate.js';
import type { SimulationOptions } from '../../src/simulate/simulation-options.js';
import { GUESTS, synthetic } from './guests.js';

const LINK = { bitsPerSecond: 3e8, rttMs: 2 };
const HOST = { threads: 2, share: 1 };
const GUEST = GUESTS.converging!;

function refused(options: object): Promise<unknown> {
  const all = { guest: GUEST, technique: 'stop-and-copy', link: LINK, ...options } as SimulationOptions;
  return simulate(all).then(
    () => expect.unreachable('a result'),
    ({ code, message }) => `${code}: ${message}`,
  );
}

const RATE = '1 … 1000000000000000';
const cases: [options: object, message: string][] = [
  [{ link: undefined }, 'link: expected an object with bitsPerSecond and rttMs, got undefined'],
  [{ link: { ...LINK, bitsPerSecond: 0 } }, `link.bitsPerSecond: expected ${RATE}, got 0`],
  [{ link: { ...LINK, bitsPerSecond: NaN } }, `link.bitsPerSecond: expected ${RATE}, got NaN`],
  [{ link: { ...LINK, bitsPerSecond: -1 } }, `link.bitsPerSecond: expected ${RATE}, got -1`],
  [{ link: { bitsPerSecond: 1e9 } }, 'link.rttMs: expected 0 … 1000000000, got undefined'],
  [{ link: { ...LINK, rttMs: NaN } }, 'link.rttMs: expected 0 … 1000000000, got NaN'],
  [{ link: { ...LINK, sendMs: 5 } }, 'link.sendMs: expected a function or undefined, got 5'],
  [{ link: { ...LINK, cut: 5 } }, 'link.cut: expected an object with atMs and forMs, got 5'],
  [{ link: { ...LINK, cut: { atMs: 5 } } }, 'link.cut.forMs: expected 0 … 1000000000, got undefined'],
  [{ source: { ...HOST, threads: 0 } }, 'source.threads: expected 1 … 1024, got 0'],
  [{ source: { ...HOST, threads: NaN } }, 'source.threads: expected a whole number, got NaN'],
  [{ destination: { ...HOST, share: 0 } }, 'destination.share: expected 0.001 … 1, got 0'],
  [{ destination: 2 }, 'destination: expected an object with threads and share, got 2'],
  [{ downtimeLimitMs: NaN }, 'downtimeLimitMs: expected 0 … 1000000000, got NaN'],
  [{ seed: NaN }, 'seed: expected a whole number, got NaN'],
  [{ seed: -1 }, 'seed: expected 0 … 4294967295, got -1'],
  [{ storageBytesPerSecond: -1 }, `storageBytesPerSecond: expected ${RATE}, got -1`],
  [{ costs: {} }, 'costs.name: expected a string, got undefined'],
  [{ costs: 'fast' }, 'costs: expected an object, as MEASURED_COSTS, got "fast"'],
  [{ costs: { ...MEASURED_COSTS, copyUs: -1 } }, 'costs.copyUs: expected 0 … 1000000000, got -1'],
  [
    { costs: { ...MEASURED_COSTS, encodeUs: { rle: 'slow' } } },
    'costs.encodeUs.rle: expected 0 … 1000000000, got slow',
  ],
  [
    { costs: { ...MEASURED_COSTS, decodeUs: undefined } },
    'costs.decodeUs: expected an object of numbers, got undefined',
  ],
  [
    { costs: { ...MEASURED_COSTS, packBytesPerMs: {} } },
    'costs.packBytesPerMs.lz4: expected 1 … Infinity, got undefined',
  ],
  [
    { guest: { name: 'none' } },
    'guest: expected a guest, as syntheticGuest makes one, got an object with name',
  ],
  [
    { guest: { name: 'none', open: () => ({}) } },
    'guest.open: expected a guest with a function run, got an object',
  ],
  [{ technique: {} }, 'technique: expected a name, or an object with a function migrate, got an object'],
  [{ signal: 5 }, 'signal: expected an AbortSignal, got 5'],
];

test.each(cases)('options %o are refused by name, with the value', async (options, message) => {
  expect(await refused(options)).toBe(`bad-argument: ${message}`);
});

test.each([
  [NaN, 'NaN'],
  [-5, '-5'],
  [undefined, 'undefined'],
  [Promise.resolve(1), 'a promise'],
])('a link whose sendMs returns %s is refused', async (value, text) => {
  const link = { ...LINK, sendMs: () => value } as unknown as LinkSpec;
  expect(await refused({ link })).toMatch(
    new RegExp(`^bad-argument: link.sendMs: returned ${text} for \\d+ bytes, expected ms of 0 or more$`),
  );
});

test.each([
  [
    'no round',
    (migration: Migration) => {
      migration.stop();
      migration.resume();
    },
    'beginRound was not called before pages or bytes are sent; call migration.beginRound() first',
  ],
  [
    'no stop',
    (migration: Migration) => {
      migration.beginRound();
      migration.resume();
    },
    'stop was not called before resume; call migration.stop() first',
  ],
])('a technique with %s gets an error with the missing call', async (_, steps, message) => {
  const technique = { name: 'short', summary: '', reference: '', migrate: async (m: Migration) => steps(m) };
  expect(await refused({ technique })).toBe(`bad-argument: technique: ${message}`);
});

test('a technique or a guest whose time is not a number is refused', async () => {
  const set = (ms: number) => ({
    ...{ name: 'odd', summary: '', reference: '' },
    async migrate(migration: Migration) {
      migration.nowMs = ms;
      migration.runGuest();
    },
  });
  const message = (ms: string, guest: string) =>
    `bad-argument: the technique, or run of guest "${guest}", set the time to ${ms}, expected a number of ms`;
  expect(await refused({ technique: set(NaN) })).toBe(message('NaN', GUEST.name));
  expect(await refused({ technique: set(Infinity) })).toBe(message('Infinity', GUEST.name));
  const guest = {
    name: 'odd',
    open: async (seed: number) =>
      Object.assign(await GUEST.open(seed), { name: 'odd', run: () => undefined }),
  };
  expect(await refused({ guest, technique: 'pre-copy' })).toBe(message('NaN', 'odd'));
});

test.each(['pre-copy', 'post-copy', 'pageferry'])(
  '%s over a link of 1 bit/s, which takes years of virtual time, ends when its signal aborts',
  async (technique) => {
    const reason = new Error('stopped by the test');
    const controller = new AbortController();
    const guest = synthetic('busy', { writesPerSecond: 20_000 });
    setTimeout(() => controller.abort(reason), 20);
    const link = { bitsPerSecond: 1, rttMs: 1 };
    await expect(simulate({ guest, technique, link, signal: controller.signal })).rejects.toBe(reason);
  },
);
