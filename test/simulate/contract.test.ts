import { describe, expect, test } from 'vitest';
import { PageBitmap } from '../../src/page/bitmap.js';
import { runPostCopy } from '../../src/simulate/post-copy.js';
import { runFinalRound, runPreCopy, runRounds } from '../../src/simulate/pre-copy.js';
import { type SimulationResult, simulate } from '../../src/simulate/simulate.js';
import type { SimulationOptions } from '../../src/simulate/simulation-options.js';
import { TECHNIQUES } from '../../src/simulate/technique/registry.js';
import type { Technique } from '../../src/simulate/technique.js';
import { GUESTS, synthetic, watched } from './guests.js';

// The contract of every technique. The test iterates over the registry, so a new technique is tested as well.

const LINK = { bitsPerSecond: 3e8, rttMs: 2 };
const LIMIT_MS = 60;
/** Error of the downtime estimate that a technique within the limit may have. */
const TOLERANCE = 1.25;
/** A round begins while the end of the last one may still be in the socket’s buffer. */
const QUEUE_MS = 20;
/** Techniques that stop the guest first, whatever the limit. */
const STOP_FIRST = ['stop-and-copy', 'post-copy', 'consolidation'];
const EVERY = TECHNIQUES.map((technique) => [technique.name, technique] as const);

function run(options: Partial<SimulationOptions> & Pick<SimulationOptions, 'guest' | 'technique'>) {
  return simulate({ link: LINK, downtimeLimitMs: LIMIT_MS, ...options });
}

interface Contracted {
  readonly result: SimulationResult;
  readonly allocated: number;
}

const contracted = new Map<string, Promise<Contracted>>();
/** Simulate a guest without a fault, once for all tests of this file. */
function undisturbed(name: string, technique: Technique): Promise<Contracted> {
  const key = `${technique.name}: ${name}`;
  const simulated =
    contracted.get(key) ??
    (async () => {
      const guest = watched(GUESTS[name]!);
      const result = await run({ guest, technique });
      return { result, allocated: guest.opened.allocated };
    })();
  contracted.set(key, simulated);
  return simulated;
}

describe.each(Object.keys(GUESTS))('guest: %s', (name) => {
  test.each(EVERY)('%s keeps the contract', async (_, technique) => {
    const { result, allocated } = await undisturbed(name, technique);
    expect(result.verified).toBe(true);
    expect(result.failed).toBeUndefined();
    // Free pages need not be sent; more pages may have been allocated since.
    expect(result.comparedPages).toBeGreaterThanOrEqual(allocated);
    expect(result.guestSlowdown).toBeGreaterThanOrEqual(0);
    expect(result.guestSlowdown).toBeLessThanOrEqual(1);
    expect(result.cpuMs).toBeGreaterThan(0);
    expectMonotonic(result);
    expectSums(result);
    expectLimits(result);
  });
});

function expectMonotonic({ history, totalMs, downtimeMs }: SimulationResult): void {
  let before = { fromMs: 0, toMs: 0 };
  for (const round of history) {
    expect(round.toMs).toBeGreaterThanOrEqual(round.fromMs);
    expect(round.fromMs).toBeGreaterThanOrEqual(before.fromMs);
    expect(round.fromMs).toBeGreaterThanOrEqual(before.toMs - QUEUE_MS);
    expect(round.toMs).toBeGreaterThanOrEqual(before.toMs);
    before = round;
  }
  expect(before.toMs).toBeLessThanOrEqual(totalMs);
  expect(downtimeMs).toBeGreaterThan(0);
  expect(downtimeMs).toBeLessThanOrEqual(totalMs);
}

function expectSums({ history, bytes, pagesSent, rounds: count }: SimulationResult): void {
  expect(history.length).toBe(count);
  expect(Math.abs(history.reduce((sum, round) => sum + round.bytes, 0) - bytes)).toBeLessThanOrEqual(1);
  expect(history.reduce((sum, round) => sum + round.pages, 0)).toBe(pagesSent);
  for (const { deferred } of history)
    for (const pages of Object.values(deferred)) expect(pages).toBeGreaterThan(0);
}

function expectLimits({
  technique,
  rounds: count,
  pagesSent,
  pages,
  limitReached,
  downtimeMs,
}: SimulationResult): void {
  // 29 rounds while the guest runs, the last one, and one more for a post-copy phase.
  expect(count).toBeLessThanOrEqual(31);
  if (STOP_FIRST.includes(technique)) expect(pagesSent).toBeLessThanOrEqual(pages);
  // The last round counts in addition.
  expect(pagesSent).toBeLessThanOrEqual(5 * pages);
  if (STOP_FIRST.includes(technique)) return;
  if (count >= 30 || pagesSent > 4 * pages) expect(limitReached).toMatch(/^did not converge: /);
  if (limitReached === undefined) expect(downtimeMs).toBeLessThanOrEqual(TOLERANCE * LIMIT_MS + LINK.rttMs);
}

test('pre-copy reports that it did not converge on a guest that writes faster than it is sent', async () => {
  const guest = GUESTS.diverging!;
  const { limitReached, downtimeMs, pagesSent, pages } = await run({ guest, technique: 'pre-copy' });
  expect(limitReached).toBe('did not converge: stopped after sending 3 times the memory');
  expect(downtimeMs).toBeGreaterThan(LIMIT_MS);
  expect(pagesSent).toBeGreaterThan(3 * pages);
  // Few pages, written all the time: the number of rounds is the limit.
  const busy = synthetic('busy', {
    hotShare: 0.04,
    hotWrites: 1,
    writesPerSecond: 40_000,
    writeUnit: 'page',
  });
  const few = await run({ guest: busy, technique: 'pre-copy', downtimeLimitMs: 3 });
  expect(few.limitReached).toBe('did not converge: stopped after 29 rounds');
  expect(few.rounds).toBe(30);
});

test.each(EVERY)('%s: the same seed gives the same JSON, another seed does not', async (_, technique) => {
  const guest = GUESTS.converging!;
  const first = JSON.stringify((await undisturbed('converging', technique)).result);
  const { seed } = JSON.parse(first);
  const [again, other] = await Promise.all(
    [seed, seed + 1].map(async (seed) => JSON.stringify(await run({ guest, technique, seed }))),
  );
  expect(again).toBe(first);
  // Whole pages take the same time, whatever their content.
  if (technique.name !== 'stop-and-copy')
    expect(JSON.stringify({ ...JSON.parse(other!), seed })).not.toBe(first);
});

test.each(EVERY)(
  '%s continues after a connection loss, later by about its duration',
  async (_, technique) => {
    const guest = GUESTS['a trace']!;
    const { result: whole } = await undisturbed('a trace', technique);
    const forMs = 400;
    const cut = await run({ guest, technique, link: { ...LINK, cut: { atMs: 0.4 * whole.totalMs, forMs } } });
    expect(cut.verified).toBe(true);
    expect(cut.totalMs).toBeGreaterThan(whole.totalMs + 0.8 * forMs);
    expect(cut.totalMs).toBeLessThan(2 * whole.totalMs + 2 * forMs);
    expectMonotonic(cut);
    expectSums(cut);
  },
);

test.each(EVERY)(
  '%s: after a permanent connection loss the guest runs on the source, or is reported lost',
  async (_, technique) => {
    const guest = GUESTS['a trace']!;
    const { totalMs, limitReached } = (await undisturbed('a trace', technique)).result;
    const result = await run({
      guest,
      technique,
      link: { ...LINK, cut: { atMs: 0.4 * totalMs, forMs: Infinity } },
    });
    expect(result.verified).toBe(false);
    expect(result.comparedPages).toBe(0);
    const isLost = technique.name === 'post-copy' || technique.name === 'consolidation';
    expect(result.failed).toMatch(
      isLost
        ? /after the switch to the destination; the guest is lost$/
        : /; the guest keeps running on the source$/,
    );
    expect(limitReached).toBeUndefined();
  },
);

/** A technique with a fault. */
function faulty(migrate: Technique['migrate']): Technique {
  return { name: 'faulty', summary: '', reference: 'this test', migrate };
}

describe('detects omissions', () => {
  const guest = synthetic('guest', { mix: { text: 1 }, writesPerSecond: 4000 });
  const cases: Record<string, [migrate: Technique['migrate'], message: RegExp]> = {
    'a page that is never sent': [
      (migration) =>
        runPreCopy(migration, {
          firstPages() {
            const pages = PageBitmap.full(migration.pages);
            pages.delete(migration.pages - 1);
            return pages;
          },
        }),
      /^page \d+ differs between source and destination$/,
    ],
    'the last version of a page': [
      async (migration) => {
        const remaining = await runRounds(migration);
        migration.stop();
        remaining.addAll(migration.takeDirty());
        expect(remaining.delete(remaining.next(0))).toBe(true);
        await runFinalRound(migration, {}, remaining);
      },
      /^page \d+ differs between source and destination$/,
    ],
    'a last round that is not compared': [
      async (migration) => {
        await runRounds(migration);
        migration.stop();
        migration.resume();
      },
      /^page 0 was never sent or compared$/,
    ],
    'a page missing from post-copy': [
      async (migration) => {
        migration.beginRound();
        migration.stop();
        migration.resume();
        const missing = PageBitmap.full(migration.pages);
        missing.delete(77);
        await runPostCopy(migration, missing, { bubbling: true });
      },
      /^page 77 was never sent or compared$/,
    ],
    'the guest itself': [
      async (migration) => {
        await runRounds(migration);
      },
      /^the guest was never resumed at the destination$/,
    ],
  };
  test.each(Object.entries(cases))('%s', async (_, [migrate, message]) => {
    const result = run({ guest, technique: faulty(migrate), downtimeLimitMs: 20 });
    await expect(result).rejects.toMatchObject({
      code: 'not-identical',
      message: expect.stringMatching(message),
    });
  });
});
