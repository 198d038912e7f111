// Snapshots that are kept beside another one, as its state or its trace: they are removed together with it.

import { applyRetention, type RetentionDecision, type RetentionPolicy } from './retention.js';
import type { SnapshotInfo } from './snapshot-info.js';

/** Return the names, and those of the snapshots that are kept beside them. */
export function withCompanions(infos: readonly SnapshotInfo[], names: ReadonlySet<string>): Set<string> {
  const all = new Set(names);
  for (const { name, belongsTo } of infos) if (belongsTo !== undefined && names.has(belongsTo)) all.add(name);
  return all;
}

/**
 * Apply a policy to the snapshots that are not kept beside another of `infos`; the others share the decision
 * on theirs, and follow it.
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
