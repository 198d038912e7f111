import { bytesText, countText } from '../../report/terminal/units.js';
import { packFileName } from '../../store/format.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printErrorLine, printOut } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { decimal } from '../values.js';
import { interruptedText } from './free-space.js';
import { STORE_OPTIONS, WAIT_OPTION, withStore, writerOptions } from './options.js';

export const gc = defineCommand({
  name: 'gc',
  summary: 'free the space of removed snapshots',
  options: {
    ...STORE_OPTIONS,
    'free-share': {
      value: 'SHARE',
      help: 'rewrite packs with at least this free share, 0 to 1',
      parse: share,
      default: '0.2',
    },
    wait: WAIT_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'Packs with a smaller free share are left until it grows. --free-share 0 rewrites every pack that has free space.',
  ],
  async run({ values, signal }) {
    const report = await withStore(values, (store) =>
      store.gc({ ...writerOptions(values, signal), freeShare: values['free-share'] }),
    );
    const { removedFrames, removedPacks, bytesBefore, bytesAfter, interruptedBytes, damagedPacks } = report;
    for (const pack of damagedPacks)
      printErrorLine(
        `pageferry: note: ${packFileName(pack)}: damaged, not rewritten; run store check --read-data`,
      );
    if (values.json) return printOut(`${JSON.stringify(report)}\n`);
    const removed = `${countText(removedFrames, 'frame')} and ${countText(removedPacks, 'pack')} removed`;
    const interrupted = interruptedBytes > 0 ? `, and ${interruptedText(interruptedBytes)}` : '';
    printOut(`${removed}${interrupted}: ${bytesText(bytesBefore)} before, ${bytesText(bytesAfter)} after\n`);
  },
});

function share(text: string): number {
  const value = decimal(text);
  if (value <= 1) return value;
  throw new UsageError('not a share; write a number from 0 to 1');
}
