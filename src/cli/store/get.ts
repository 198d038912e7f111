import { createFileSink } from '../../image/fs/file-sink.js';
import { bytesText } from '../../report/terminal/units.js';
import { defineCommand } from '../command.js';
import { MODE_OPTION } from '../common-options.js';
import { JSON_OPTION } from '../json-option.js';
import { checkOutput } from '../paths.js';
import { createProgressLine } from '../progress.js';
import { letSignalsEnd } from '../signals.js';
import { reportStream } from '../terminal.js';
import { OUTPUT_OPTION, STORE_OPTIONS, withStore } from './options.js';

export const get = defineCommand({
  name: 'get',
  summary: 'write a snapshot to a file',
  operands: { label: 'NAME', min: 1, max: 1 },
  options: {
    ...STORE_OPTIONS,
    output: OUTPUT_OPTION,
    mode: MODE_OPTION,
    json: JSON_OPTION,
  },
  async run({ values, operands, signal }) {
    const [name] = operands as [string];
    const { output, mode } = values;
    checkOutput(output, []);
    await withStore(values, async (store) => {
      const { bytes: total } = store.info(name);
      const line = createProgressLine('reading');
      const onProgress = (bytes: number) => line.onBytes(bytes, total);
      const sink = createFileSink(output, { ...(mode !== undefined && { mode }), onStream: letSignalsEnd });
      const info = await store.get(name, sink, { signal, onProgress }).finally(line.end);
      const print = reportStream(output);
      print(values.json ? `${JSON.stringify(info)}\n` : `${name}: ${bytesText(info.bytes)}\n`);
    });
  },
});
