import { describe, expect, test } from 'vitest';
import { applyRetention, type RetentionPolicy } from '../../src/store/retention.js';

const at = (...times: string[]) => times.map((created) => ({ name: created, created: `${created}Z` }));
const kept = (snapshots: { name: string; created: string }[], policy: RetentionPolicy) =>
  applyRetention(snapshots, policy)
    .filter(({ keptBy }) => keptBy.length > 0)
    .map(({ snapshot, keptBy }) => `${snapshot.name} ${keptBy.join(' ')}`);

const HOURS = at(
  '2026-03-01T10:10',
  '2026-03-01T10:50',
  '2026-03-01T11:05',
  '2026-03-01T14:00',
  '2026-03-02T00:00',
);

describe('a rule keeps the newest snapshot of each of its periods that has one', () => {
  test('last', () => {
    expect(kept(HOURS, { last: 2 })).toEqual(['2026-03-02T00:00 last', '2026-03-01T14:00 last']);
  });

  test('hourly: hours without a snapshot do not count', () => {
    expect(kept(HOURS, { hourly: 4 })).toEqual([
      '2026-03-02T00:00 hourly',
      '2026-03-01T14:00 hourly',
      '2026-03-01T11:05 hourly',
      '2026-03-01T10:50 hourly',
    ]);
  });

  test('daily: a rule with a number left over keeps the oldest snapshot too', () => {
    expect(kept(HOURS, { daily: 2 })).toEqual(['2026-03-02T00:00 daily', '2026-03-01T14:00 daily']);
    expect(kept(HOURS, { daily: 3 })).toEqual([
      '2026-03-02T00:00 daily',
      '2026-03-01T14:00 daily',
      '2026-03-01T10:10 daily',
    ]);
  });

  test('weekly: ISO weeks, over the end of years', () => {
    // 2024-12-30 is a Monday, of week 1 of 2025; 2027-01-03 is the Sunday of week 53 of 2026.
    const days = at('2024-12-29T12:00', '2024-12-30T00:00', '2025-01-05T23:59', '2025-01-06T00:00');
    expect(kept([...days, ...at('2025-01-07T00:00')], { weekly: 3 })).toEqual([
      '2025-01-07T00:00 weekly',
      '2025-01-05T23:59 weekly',
      '2024-12-29T12:00 weekly',
    ]);
    const turn = at('2026-12-28T00:00', '2027-01-03T00:00', '2027-01-04T00:00', '2027-01-10T00:00');
    expect(kept(turn, { weekly: 2 })).toEqual(['2027-01-10T00:00 weekly', '2027-01-03T00:00 weekly']);
  });

  test('monthly and yearly', () => {
    const months = at('2025-11-30T23:59', '2025-12-01T00:00', '2025-12-31T00:00', '2026-01-31T00:00');
    expect(kept(months, { monthly: 2, yearly: 2 })).toEqual([
      '2026-01-31T00:00 monthly yearly',
      '2025-12-31T00:00 monthly yearly',
    ]);
  });
});

test('rules add up, in any order of the snapshots, and a snapshot is counted by every rule that keeps it', () => {
  const daily = Array.from({ length: 90 }, (_, i) => new Date(Date.UTC(2026, 0, 1 + i, 3)).toISOString());
  const snapshots = daily.map((created, i) => ({ name: `day-${i}`, created })).reverse();
  const names = (policy: RetentionPolicy) =>
    kept(
      [...snapshots].sort((a, b) => (a.name < b.name ? -1 : 1)),
      policy,
    ).map((text) => text.split(' ')[0]);
  // March 31, 30, 29; the weeks that end on March 29 and 22; the last days of February and January
  expect(names({ daily: 3, weekly: 3, monthly: 3 })).toEqual([
    'day-89',
    'day-88',
    'day-87',
    'day-80',
    'day-58',
    'day-30',
  ]);
  expect(names({ last: 1000 })).toHaveLength(90);
});

test('no rule keeps nothing, and snapshots of the same time are ordered by name', () => {
  expect(kept(HOURS, {})).toEqual([]);
  const same = ['b', 'a', 'c'].map((name) => ({ name, created: '2026-03-01T00:00:00Z' }));
  expect(kept(same, { last: 1 })).toEqual(['c last']);
});
