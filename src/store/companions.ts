// Companions: snapshots that belong to another one, as its state or its trace, and are removed with it.
import { applyRetention, type RetentionDecision, type RetentionPolicy } from './retention.js';
import type { SnapshotInfo } from './snapshot-info.js';

/** Return the names and those of their companions. */
export function withCompanions(infos: readonly SnapshotInfo[], names: ReadonlySet<string>): Set<string> {
  const all = new Set(names);
  for (const { name, belongsTo } of infos) if (belongsTo !== undefined && names.has(belongsTo)) all.add(name);
  return all;
}

/**
 * Apply a policy to the snapshots of `infos` that are not companions. A companion gets the decision of the
 * snapshot that it belongs to, and follows it in the result.
 */
export function decideWithCompanions(
  infos: readonly SnapshotInfo[],
  policy: RetentionPolicy,
): RetentionDecision<SnapshotInfo>[] {
  const names = new Set(infos.map(({ name }) => name));
  const isCompanion = ({ belongsTo }: SnapshotInfo) => belongsTo !== undefined && names.has(belongsTo);
  const own = applyRetention(
    infos.filter((info) => !isCompanion(info)),
    policy,
  );
  return own.flatMap((decision) => [
    decision,
    ...infos
      .filter(({ belongsTo }) => belongsTo === decision.snapshot.name)
      .map((snapshot) => ({ ...decision, snapshot })),
  ]);
}
