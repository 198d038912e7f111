import { table } from '../../report/terminal/table.js';
import { bytesText } from '../../report/terminal/units.js';
import type { SnapshotInfo } from '../../store/snapshot-info.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printOut } from '../terminal.js';
import { labelsText } from './list.js';
import { STORE_OPTIONS, withStore } from './options.js';

export const show = defineCommand({
  name: 'show',
  summary: 'describe a snapshot',
  operands: { label: 'NAME', min: 1, max: 1 },
  options: { ...STORE_OPTIONS, json: JSON_OPTION },
  async run({ values, operands }) {
    const [name] = operands as [string];
    const info = await withStore(values, async (store) => store.info(name));
    printOut(values.json ? `${JSON.stringify(info)}\n` : `${table(['snapshot', info.name], rows(info))}\n`);
  },
});

function rows(info: SnapshotInfo): readonly (readonly string[])[] {
  const { created, parent, belongsTo, labels, bytes, pages, zeroPages, newPages, storedBytes } = info;
  return [
    ['created', created],
    ['parent', parent ?? ''],
    ...(belongsTo === undefined ? [] : [['kept beside', belongsTo]]),
    ['labels', labelsText(labels)],
    ['size', `${bytesText(bytes)} (${bytes} bytes)`],
    ['pages', String(pages)],
    ['zero pages', String(zeroPages)],
    ['duplicates and pages of earlier snapshots', String(pages - zeroPages - newPages)],
    ['new pages', `${newPages} in ${bytesText(storedBytes)}`],
  ];
}
