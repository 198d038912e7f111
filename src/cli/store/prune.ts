import type { PageferryError } from '../../page/error.js';
import { table } from '../../report/terminal/table.js';
import type { FreeSpace } from '../../store/gc/free-space.js';
import type { RetentionDecision } from '../../store/retention.js';
import type { SnapshotInfo } from '../../store/snapshot-info.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printOut } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { wholeNumber } from '../values.js';
import { freeSpaceJson, freeSpaceOf, freeSpaceText } from './free-space.js';
import { labelsText, timeText } from './list.js';
import { labelPair, STORE_OPTIONS, WAIT_OPTION, withStore, writerOptions } from './options.js';

const MAX_KEPT = 1_000_000;

export const prune = defineCommand({
  name: 'prune',
  summary: 'remove snapshots that no rule keeps; gc frees their space',
  options: {
    ...STORE_OPTIONS,
    'keep-last': keep('newest snapshots to keep'),
    'keep-hourly': keep('hours of which to keep the newest snapshot'),
    'keep-daily': keep('days of which to keep the newest snapshot'),
    'keep-weekly': keep('weeks of which to keep the newest snapshot'),
    'keep-monthly': keep('months of which to keep the newest snapshot'),
    'keep-yearly': keep('years of which to keep the newest snapshot'),
    label: {
      value: 'KEY=VALUE',
      help: 'leave snapshots without this label alone',
      parse: labelPair,
      repeatable: true,
    },
    'dry-run': { help: 'print what would be removed, and remove nothing' },
    wait: WAIT_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'The rules are those of restic: each goes from the newest snapshot to the oldest, and a snapshot stays if any rule keeps it. ' +
      'Hours without a snapshot do not count. Times are UTC; a week begins on Monday. A rule that has not kept its number keeps the oldest snapshot too.',
    'All snapshots are one series: with several guests in a store, select one with --label.',
  ],
  async run({ values, signal }) {
    const policy = {
      last: values['keep-last'],
      hourly: values['keep-hourly'],
      daily: values['keep-daily'],
      weekly: values['keep-weekly'],
      monthly: values['keep-monthly'],
      yearly: values['keep-yearly'],
    };
    if (Object.values(policy).every((number) => number === 0))
      throw new UsageError('no rule keeps a snapshot; give one, as --keep-last 7 or --keep-daily 14');
    const dryRun = values['dry-run'];
    const labels = Object.fromEntries(values.label);
    const { decisions, space } = await withStore(values, async (store) => ({
      decisions: await store.prune(policy, { ...writerOptions(values, signal), labels, dryRun }),
      space: dryRun ? undefined : await freeSpaceOf(store),
    }));
    printOut(values.json ? jsonOf(decisions, dryRun, space) : textOf(decisions, dryRun, space));
  },
});

function keep(help: string) {
  return { value: 'N', help, parse: wholeNumber(0, MAX_KEPT), default: '0' } as const;
}

function isRemoved({ keptBy }: RetentionDecision<SnapshotInfo>): boolean {
  return keptBy.length === 0;
}

function jsonOf(
  decisions: readonly RetentionDecision<SnapshotInfo>[],
  dryRun: boolean,
  space: FreeSpace | PageferryError | undefined,
): string {
  const kept = decisions.filter((one) => !isRemoved(one));
  return `${JSON.stringify({
    dryRun,
    kept: kept.map(({ snapshot, keptBy }) => ({ name: snapshot.name, keptBy })),
    removed: decisions.filter(isRemoved).map(({ snapshot }) => snapshot.name),
    ...(space && freeSpaceJson(space)),
  })}\n`;
}

function textOf(
  decisions: readonly RetentionDecision<SnapshotInfo>[],
  dryRun: boolean,
  space: FreeSpace | PageferryError | undefined,
): string {
  if (decisions.length === 0) return 'no snapshots\n';
  const rows = decisions.map((decision) => {
    const { name, created, labels } = decision.snapshot;
    const verdict = isRemoved(decision) ? 'remove' : `keep: ${decision.keptBy.join(', ')}`;
    return [name, timeText(created), labelsText(labels), verdict];
  });
  const removed = decisions.filter(isRemoved).length;
  const summary = `${decisions.length - removed} kept, ${removed} ${dryRun ? 'would be removed' : 'removed'}`;
  const freed = space && removed > 0 ? `; ${freeSpaceText(space)}` : '';
  return `${table(['name', 'created', 'labels', ''], rows)}\n${summary}${freed}\n`;
}
