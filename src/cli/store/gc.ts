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
      help: 'rewrite packs of which more than this share is free, 0 to 1',
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
    const { removedFrames, removedPacks, unusedBytes, interruptedBytes, damagedPacks } = report;
    for (const pack of damagedPacks)
      printErrorLine(
        `pageferry: note: ${packFileName(pack)}: damaged, not rewritten; run store check --read-data`,
      );
    if (values.json) return printOut(`${JSON.stringify(report)}\n`);
    const removed = `${countText(removedFrames, 'frame')} and ${countText(removedPacks, 'pack')} removed`;
    const interrupted = interruptedBytes > 0 ? `, and ${interruptedText(interruptedBytes)}` : '';
    const sizes = `${bytesText(report.bytesBefore)} before, ${bytesText(report.bytesAfter)} after`;
    printOut(`${removed}${interrupted}: ${sizes}\n`);
    if (unusedBytes > 0)
      printOut(
        `${bytesText(unusedBytes)} stay unused, in packs with a free share of at most ${values['free-share']}; ` +
          'store gc --free-share 0 frees them\n',
      );
  },
});

function share(text: string): number {
  const value = decimal(text);
  if (value <= 1) return value;
  throw new UsageError('not a share; write a number from 0 to 1');
}
