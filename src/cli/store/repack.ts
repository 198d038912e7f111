import { bytesText, countText } from '../../report/terminal/units.js';
import { storedTrace } from '../../store/stored-trace.js';
import { readTrace } from '../../store/trace.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printOut } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { fileName, wholeNumber } from '../values.js';
import { STORE_OPTIONS, WAIT_OPTION, withStore, writerOptions } from './options.js';

export const repack = defineCommand({
  name: 'repack',
  summary: 'pack the pages of a trace into frames of their own',
  operands: { label: 'NAME', min: 1, max: 1 },
  options: {
    ...STORE_OPTIONS,
    trace: {
      value: 'TRACE',
      help: 'the pages, in order: written by mount --record',
      parse: fileName,
      defaultText: 'the trace stored by put --trace',
    },
    level: { value: 'N', help: 'level of zstd, 1 to 22', parse: wholeNumber(1, 22), default: '3' },
    wait: WAIT_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'Pages that are read in sequence share a frame, without bases in other frames. Other snapshots keep their frames; store gc removes unused ones.',
  ],
  async run({ values, operands, signal }) {
    const [snapshot] = operands as [string];
    const given = values.trace === undefined ? undefined : readTrace(values.trace);
    const report = await withStore(values, async (store) => {
      const trace = given ?? (await storedTrace(store, snapshot));
      if (!trace) throw new UsageError(`--trace TRACE is required: the store has no trace of ${snapshot}`);
      return store.repack(snapshot, trace, { ...writerOptions(values, signal), level: values.level });
    });
    const { name, pages, framesBefore, framesAfter, storedBytes } = report;
    printOut(
      values.json
        ? `${JSON.stringify(report)}\n`
        : `${name}: ${countText(pages, 'page')} in ${countText(framesAfter, 'frame')} of ${bytesText(storedBytes)}, ${countText(framesBefore, 'frame')} before\n`,
    );
  },
});
