import { bytesText, countText } from '../../report/terminal/units.js';
import { defineCommand } from '../command.js';
import { MAX_BYTES_OPTION } from '../common-options.js';
import { openSource } from '../decode.js';
import { JSON_OPTION } from '../json-option.js';
import { printOut } from '../terminal.js';
import { THREADS_OPTION, threadCount } from '../threads.js';
import { STORE_OPTIONS, WAIT_OPTION, withStore, writerOptions } from './options.js';

export const importCommand = defineCommand({
  name: 'import',
  summary: 'store the snapshots of a stream of store export',
  operands: { label: 'STREAM', min: 1, max: 1 },
  options: {
    ...STORE_OPTIONS,
    threads: THREADS_OPTION,
    'max-bytes': MAX_BYTES_OPTION,
    wait: WAIT_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'STREAM is a file, or - for standard input. All of it is verified before the first snapshot is stored. Pages that the store has are not stored again.',
  ],
  async run({ values, operands, signal }) {
    const [path] = operands as [string];
    const threads = threadCount(values.threads);
    const source = openSource(path);
    try {
      const infos = await withStore(values, (store) =>
        store.import(source, {
          ...writerOptions(values, signal),
          threads,
          maxImageBytes: values['max-bytes'],
        }),
      );
      if (values.json) printOut(`${JSON.stringify({ snapshots: infos })}\n`);
      else
        for (const { name, bytes, newPages, storedBytes } of infos)
          printOut(
            `${name}: ${bytesText(bytes)}, ${countText(newPages, 'new page')} in ${bytesText(storedBytes)}\n`,
          );
    } finally {
      source.close();
    }
  },
});
