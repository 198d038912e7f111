import { describe, expect, test } from 'vitest';
import { PageBitmap } from '../../src/page/bitmap.js';
import { postcopy } from '../../src/simulate/post-copy.js';
import { finalCopy, precopy, rounds } from '../../src/simulate/pre-copy.js';
import { type SimulationOptions, type SimulationResult, simulate } from '../../src/simulate/simulate.js';
import { TECHNIQUES } from '../../src/simulate/technique/registry.js';
import type { Technique } from '../../src/simulate/technique.js';
import { GUESTS, synthetic, watched } from './guests.js';

// What every technique has to keep, whoever wrote it: the registry is walked, so a new one is held to it as well.

const LINK = { bitsPerSecond: 3e8, rttMs: 2 };
const LIMIT_MS = 60;
/** What an estimate of the last round may be off by where a technique says that it kept to the limit. */
const TOLERANCE = 1.25;
/** A round may begin while so much of the last one is still in the socket's buffer. */
const QUEUE_MS = 20;
/** They stop the guest first, and say nothing about a limit. */
const AT_ONCE = ['stop-and-copy', 'post-copy', 'consolidation'];
const EACH_PAGE_ONCE = AT_ONCE;
const EVERY = TECHNIQUES.map((technique) => [technique.name, technique] as const);

function run(options: Partial<SimulationOptions> & Pick<SimulationOptions, 'guest' | 'technique'>) {
  return simulate({ link: LINK, downtimeLimitMs: LIMIT_MS, ...options });
}

describe.each(Object.entries(GUESTS))('of %s', (_, spec) => {
  test.each(EVERY)('%s keeps the contract', async (_, technique) => {
    const guest = watched(spec);
    const result = await run({ guest, technique });
    expect(result.verified).toBe(true);
    expect(result.failed).toBeUndefined();
    // Free pages may stay behind; more may have been given out since.
    expect(result.comparedPages).toBeGreaterThanOrEqual(guest.opened.allocated);
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
  for (const { left } of history) for (const pages of Object.values(left)) expect(pages).toBeGreaterThan(0);
}

function expectLimits({
  technique,
  rounds: count,
  pagesSent,
  pages,
  gaveUp,
  downtimeMs,
}: SimulationResult): void {
  // 29 of them while it runs, and the last; where it leaves before its last pages, those are one more.
  expect(count).toBeLessThanOrEqual(31);
  if (EACH_PAGE_ONCE.includes(technique)) expect(pagesSent).toBeLessThanOrEqual(pages);
  // The last round comes on top.
  expect(pagesSent).toBeLessThanOrEqual(5 * pages);
  if (AT_ONCE.includes(technique)) return;
  if (count >= 30 || pagesSent > 4 * pages) expect(gaveUp).toMatch(/^did not converge: /);
  if (gaveUp === undefined) expect(downtimeMs).toBeLessThanOrEqual(TOLERANCE * LIMIT_MS + LINK.rttMs);
}

test('a pre-copy of a guest that is written to faster than it is sent says that it did not converge', async () => {
  const guest = GUESTS['one that is written to faster than it is sent']!;
  const { gaveUp, downtimeMs, pagesSent, pages } = await run({ guest, technique: 'pre-copy' });
  expect(gaveUp).toBe('did not converge: stopped when 3 times its memory was sent');
  expect(downtimeMs).toBeGreaterThan(LIMIT_MS);
  expect(pagesSent).toBeGreaterThan(3 * pages);
  // Few pages, again and again: what stops it is how many rounds there are.
  const busy = synthetic('busy', { hotShare: 0.04, hotWrites: 1, writesPerSecond: 40_000, writes: 'page' });
  const few = await run({ guest: busy, technique: 'pre-copy', downtimeLimitMs: 3 });
  expect(few.gaveUp).toBe('did not converge: stopped after 29 rounds');
  expect(few.rounds).toBe(30);
});

test.each(EVERY)('%s: the same seed gives the same JSON, another does not', async (_, technique) => {
  const guest = GUESTS['one that converges']!;
  const [first, again, other] = await Promise.all(
    [5, 5, 6].map(async (seed) => JSON.stringify(await run({ guest, technique, seed }))),
  );
  expect(again).toBe(first);
  // The same number of whole pages takes what it takes, whatever they hold.
  if (technique.name !== 'stop-and-copy')
    expect(JSON.stringify({ ...JSON.parse(other!), seed: 5 })).not.toBe(first);
});

test.each(EVERY)('%s goes on after a cut, later by about its length', async (_, technique) => {
  const guest = GUESTS['a trace']!;
  const whole = await run({ guest, technique });
  const forMs = 400;
  const cut = await run({ guest, technique, link: { ...LINK, cut: { atMs: 0.4 * whole.totalMs, forMs } } });
  expect(cut.verified).toBe(true);
  expect(cut.totalMs).toBeGreaterThan(whole.totalMs + 0.8 * forMs);
  expect(cut.totalMs).toBeLessThan(2 * whole.totalMs + 2 * forMs);
  expectMonotonic(cut);
  expectSums(cut);
});

test.each(EVERY)(
  '%s: who loses the link for good has its guest on one side, or says that it is lost',
  async (_, technique) => {
    const guest = GUESTS['a trace']!;
    const { totalMs, gaveUp } = await run({ guest, technique });
    const result = await run({
      guest,
      technique,
      link: { ...LINK, cut: { atMs: 0.4 * totalMs, forMs: Infinity } },
    });
    expect(result.verified).toBe(false);
    expect(result.comparedPages).toBe(0);
    const left = technique.name === 'post-copy' || technique.name === 'consolidation';
    expect(result.failed).toMatch(
      left ? /after the guest had left: it is lost$/ : /: the guest goes on at the source$/,
    );
    expect(gaveUp).toBeUndefined();
  },
);

/** A technique that is wrong. */
function wrong(migrate: Technique['migrate']): Technique {
  return { name: 'wrong', what: '', source: 'this test', migrate };
}

describe('what is left out is found', () => {
  const guest = synthetic('guest', { mix: { text: 1 }, writesPerSecond: 4000 });
  const cases: Record<string, [migrate: Technique['migrate'], message: RegExp]> = {
    'a page that never travels': [
      (migration) =>
        precopy(migration, {
          first() {
            const pages = PageBitmap.full(migration.pages);
            pages.delete(migration.pages - 1);
            return pages;
          },
        }),
      /^page \d+ is not at the destination what it is at the source$/,
    ],
    'the last version of a page': [
      async (migration) => {
        const left = await rounds(migration);
        migration.stop();
        left.addAll(migration.takeDirty());
        expect(left.delete(left.next(0))).toBe(true);
        await finalCopy(migration, {}, left);
      },
      /^page \d+ is not at the destination what it is at the source$/,
    ],
    'a last round that nobody compared': [
      async (migration) => {
        await rounds(migration);
        migration.stop();
        migration.resume();
      },
      /^page 0 was never sent or compared$/,
    ],
    'a page that the guest would wait for': [
      async (migration) => {
        migration.beginRound();
        migration.stop();
        migration.resume();
        const missing = PageBitmap.full(migration.pages);
        missing.delete(77);
        await postcopy(migration, missing, { bubbling: true });
      },
      /^page 77 was never sent or compared$/,
    ],
    'the guest itself': [
      async (migration) => {
        await rounds(migration);
      },
      /^the guest never went on at the destination$/,
    ],
  };
  test.each(Object.entries(cases))('%s', async (_, [migrate, message]) => {
    const result = run({ guest, technique: wrong(migrate), downtimeLimitMs: 20 });
    await expect(result).rejects.toMatchObject({
      code: 'not-identical',
      message: expect.stringMatching(message),
    });
  });
});
