import { createAtomicWriter } from '../../image/fs/atomic-file.js';
import { bytesText, countText } from '../../report/terminal/units.js';
import { defineCommand } from '../command.js';
import { MODE_OPTION } from '../common-options.js';
import { JSON_OPTION } from '../json-option.js';
import { checkOutput } from '../paths.js';
import { reportStream } from '../terminal.js';
import { OUTPUT_OPTION, STORE_OPTIONS, withStore } from './options.js';

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'write snapshots as a stream for another store',
  operands: { label: 'NAME...', min: 1, max: Infinity },
  options: {
    ...STORE_OPTIONS,
    output: OUTPUT_OPTION,
    mode: MODE_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'NAME is exported with NAME.state and NAME.trace (put --state, put --trace).',
    'The stream of an encrypted store is not encrypted: send it through an encrypted channel.',
  ],
  async run({ values, operands, signal }) {
    const { output, mode } = values;
    checkOutput(output, []);
    const names = [...new Set(operands)];
    const summary = await withStore(values, async (store) => {
      const writer = createAtomicWriter(output, { signal, ...(mode !== undefined && { mode }) });
      try {
        const written = await store.export(names, (...parts) => writer.write(...parts), signal);
        await writer.commit();
        return written;
      } catch (cause) {
        writer.abort();
        throw cause;
      }
    });
    const { snapshots, frames, bytes } = summary;
    reportStream(output)(
      values.json
        ? `${JSON.stringify(summary)}\n`
        : `${output}: ${countText(snapshots, 'snapshot')}, ${countText(frames, 'frame')}, ${bytesText(bytes)}\n`,
    );
  },
});
