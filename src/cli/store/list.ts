import { table } from '../../report/terminal/table.js';
import { bytesText } from '../../report/terminal/units.js';
import { listSnapshots } from '../../store/list.js';
import { hasLabels } from '../../store/retention.js';
import type { SnapshotInfo } from '../../store/snapshot-info.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printOut } from '../terminal.js';
import { keyFileOf, labelPair, STORE_OPTIONS, storeDirectory } from './options.js';

export const command = defineCommand({
  name: 'list',
  summary: 'list the snapshots of a store, oldest first',
  options: {
    ...STORE_OPTIONS,
    label: {
      value: 'KEY=VALUE',
      help: 'list only snapshots that have this label',
      parse: labelPair,
      repeatable: true,
    },
    json: JSON_OPTION,
  },
  async run({ values }) {
    const labels = Object.fromEntries(values.label);
    const all = await listSnapshots(storeDirectory(values), keyFileOf(values));
    const snapshots = all.filter((info) => hasLabels(info, labels));
    if (values.json) printOut(`${JSON.stringify({ snapshots })}\n`);
    else if (snapshots.length === 0)
      printOut(values.label.length === 0 ? 'no snapshots\n' : 'no snapshots with these labels\n');
    else
      printOut(`${table(['name', 'created', 'bytes', 'stored', 'parent', 'labels'], snapshots.map(row))}\n`);
  },
});

function row({ name, created, bytes, storedBytes, parent, labels }: SnapshotInfo): readonly string[] {
  return [
    name,
    timeText(created),
    bytesText(bytes),
    bytesText(storedBytes),
    parent ?? '',
    labelsText(labels),
  ];
}

/** "2026-01-31 23:59:59", UTC */
export function timeText(created: string): string {
  return `${created.slice(0, 10)} ${created.slice(11, 19)}`;
}

/** "host=a kind=nightly" */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
