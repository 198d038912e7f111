import { describe, expect, test } from 'vitest';
import { dirtyCurve } from '../../../src/agent/forecast/dirty-curve.js';
import { forecast } from '../../../src/agent/forecast/forecast.js';

const round = (ms: number, pages: number, fills = 0) => ({ ms, pages, fills, wireBytes: pages * 100 });
const EMPTY = round(0, 0);

describe('pages written in a period', () => {
  test('pass through every sample, grow, and are never more than linear or the guest', () => {
    const written = dirtyCurve(
      [
        { ms: 1000, pages: 500 },
        { ms: 100, pages: 200 },
        { ms: 4000, pages: 600 },
      ],
      1000,
    );
    expect([100, 1000, 4000].map(written)).toEqual([200, 500, 600]);
    let before = 0;
    for (let ms = 10; ms < 1e7; ms *= 1.3) {
      expect(written(ms)).toBeGreaterThanOrEqual(before);
      expect(written(2 * ms)).toBeLessThanOrEqual(2 * written(ms) * (1 + 1e-9));
      expect(written(ms)).toBeLessThanOrEqual(1000);
      before = written(ms);
    }
    expect(written(0)).toBe(0);
  });

  test('the later sample of a period counts', () => {
    const samples = [100, 300].map((pages) => ({ ms: 1000, pages }));
    expect(dirtyCurve(samples, 1000)(1000)).toBe(300);
    expect(dirtyCurve([], 1000)(1000)).toBe(0);
    expect(dirtyCurve([{ ms: 1000, pages: 0 }], 1000)(5000)).toBe(0);
  });
});

describe('forecast', () => {
  const base = { guestPages: 10_000, downtimeLimitMs: 300, dirty: [] };

  test('without a dirty rate: the end of the first round, and no word on convergence', () => {
    const half = forecast({ ...base, rounds: [], current: round(500, 5000) });
    expect(half).toMatchObject({ firstRoundMs: 1000, endMs: 1000, converges: undefined, rounds: 1 });
  });

  test('a guest that writes little: one more round', () => {
    const dirty = [{ ms: 1000, pages: 100 }];
    const { endMs, downtimeMs, converges, rounds } = forecast({
      ...base,
      ...{ rounds: [round(1000, 10_000)], dirty, current: { ...EMPTY, totalPages: 100 } },
    });
    expect([endMs, downtimeMs, converges, rounds]).toEqual([1010, 10, true, 2]);
  });

  test('a guest that writes faster than it is sent: never, and the downtime that it would need', () => {
    const dirty = [{ ms: 1000, pages: 9000 }];
    const { converges, neededDowntimeMs } = forecast({
      ...base,
      ...{ rounds: [round(1000, 10_000)], dirty, current: EMPTY, downtimeLimitMs: 50 },
    });
    expect(converges).toBe(false);
    expect(neededDowntimeMs).toBeGreaterThan(50);
  });

  test('pages that repeat one byte do not make others look cheap', () => {
    const dirty = [{ ms: 1000, pages: 1000 }];
    const input = { ...base, dirty, current: { ...EMPTY, totalPages: 1000 } };
    const dense = forecast({ ...input, rounds: [round(1000, 10_000)] });
    const sparse = forecast({ ...input, rounds: [round(1000, 10_000, 9000)] });
    expect(sparse.endMs - 1000).toBeGreaterThan(4 * (dense.endMs - 1000));
  });

  test('nothing sent yet', () => {
    const { endMs, downtimeMs } = forecast({ ...base, rounds: [], current: EMPTY });
    expect([endMs, downtimeMs]).toEqual([0, 0]);
  });
});
