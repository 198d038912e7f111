import { bytesText } from '../../report/terminal/units.js';
import { createStore } from '../../store/store.js';
import { defineCommand } from '../command.js';
import { printOut } from '../terminal.js';
import { byteCount, pageBytes } from '../values.js';
import { KEY_FILE_OPTION, keyFileOf } from './options.js';

export const init = defineCommand({
  name: 'init',
  summary: 'create a store',
  operands: { label: 'DIR', min: 1, max: 1 },
  options: {
    'page-bytes': { value: 'N', help: 'page size: 4096, 16384 or 65536', parse: pageBytes, default: '4096' },
    'frame-bytes': {
      value: 'N',
      help: 'largest frame, unpacked: the unit of packing and reading (default: 16K, one page at least)',
      parse: byteCount('960K', '4K'),
    },
    'key-file': {
      ...KEY_FILE_OPTION,
      help: 'encrypt the store with the secret in this file, 32 random bytes or more',
    },
  },
  async run({ values, operands }) {
    const [dir] = operands as [string];
    const layout = { pageBytes: values['page-bytes'], frameBytes: values['frame-bytes'] };
    const store = await createStore(dir, layout, keyFileOf(values));
    const { config } = store;
    await store.close();
    printOut(
      `${dir}: a new ${config.keyCheck === undefined ? '' : 'encrypted '}store, pages of ${bytesText(config.pageBytes)}, frames of ${bytesText(config.frameBytes)}\n`,
    );
  },
});
