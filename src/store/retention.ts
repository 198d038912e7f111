// Retention policies, with the rules of restic. Each rule goes from the newest snapshot to the oldest and
// keeps the newest one of each hour, day, ISO week, month or year, until it has kept its number. A rule that
// has not kept its number at the end keeps the oldest snapshot too. Times are UTC.
import { compareAge, type SnapshotInfo } from './snapshot-info.js';

/** Numbers of snapshots to keep; absent: the rule keeps none. */
export interface RetentionPolicy {
  readonly last?: number | undefined;
  readonly hourly?: number | undefined;
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly yearly?: number | undefined;
}

export type RetentionRule = keyof RetentionPolicy;

/** A snapshot, and the rules that keep it: none if it is to be removed. */
export interface RetentionDecision<T> {
  readonly snapshot: T;
  readonly keptBy: readonly RetentionRule[];
}

/** Whether a snapshot has all of these labels. */
export function hasLabels(
  { labels }: { readonly labels: Readonly<Record<string, string>> },
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

/** Period of a snapshot under each rule: two snapshots of one period have the same text. */
const PERIODS: { readonly [Rule in RetentionRule]: (time: Date, index: number) => string } = {
  last: (_, index) => String(index),
  hourly: (time) => time.toISOString().slice(0, 13),
  daily: (time) => time.toISOString().slice(0, 10),
  weekly: isoWeek,
  monthly: (time) => time.toISOString().slice(0, 7),
  yearly: (time) => time.toISOString().slice(0, 4),
};

/** Return a decision for each snapshot, the newest first. */
export function applyRetention<T extends Pick<SnapshotInfo, 'created' | 'name'>>(
  snapshots: readonly T[],
  policy: RetentionPolicy,
): RetentionDecision<T>[] {
  const sorted = snapshots.toSorted((a, b) => compareAge(b, a));
  const rules = (Object.keys(PERIODS) as RetentionRule[]).map((name) => ({
    name,
    left: policy[name] ?? 0,
    period: '',
  }));
  return sorted.map((snapshot, index) => {
    const time = new Date(snapshot.created);
    const keptBy: RetentionRule[] = [];
    for (const rule of rules) {
      if (rule.left === 0) continue;
      const period = PERIODS[rule.name](time, index);
      if (period === rule.period && index < sorted.length - 1) continue;
      rule.period = period;
      rule.left--;
      keptBy.push(rule.name);
    }
    return { snapshot, keptBy };
  });
}

/** Return year and number of an ISO week: it begins on Monday, and the first of a year has January 4. */
function isoWeek(time: Date): string {
  const dayMs = 86_400_000;
  const day = Math.floor(time.getTime() / dayMs);
  const thursday = new Date((day - ((time.getUTCDay() + 6) % 7) + 3) * dayMs);
  const year = thursday.getUTCFullYear();
  return `${year} ${1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * dayMs))}`;
}
