import { table } from '../../report/terminal/table.js';
import { bytesText, countText, percentText } from '../../report/terminal/units.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printOut } from '../terminal.js';
import { interruptedText } from './free-space.js';
import { STORE_OPTIONS, withStore } from './options.js';

export const stats = defineCommand({
  name: 'stats',
  summary: 'totals of a store',
  options: { ...STORE_OPTIONS, json: JSON_OPTION },
  async run({ values }) {
    const totals = await withStore(values, async (store) => store.stats());
    if (values.json) return printOut(`${JSON.stringify(totals)}\n`);
    const { snapshots, bytes, packs, packBytes, databaseBytes, interruptedBytes, frames, pages } = totals;
    const stored = packBytes + databaseBytes + interruptedBytes;
    const rows = [
      ['snapshots', `${snapshots} of ${bytesText(bytes)} together`],
      ['packs', `${packs} of ${bytesText(packBytes)} together`],
      ['frames', `${frames} with ${countText(pages, 'page')}`],
      ['database', bytesText(databaseBytes)],
      ...(interruptedBytes > 0
        ? [['interrupted', `${interruptedText(interruptedBytes)}; store gc frees them`]]
        : []),
      ['stored', `${bytesText(stored)} (${percentText(stored, bytes)})`],
    ];
    printOut(`${table(['store', ''], rows)}\n`);
  },
});
