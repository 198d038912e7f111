import { defineCommand } from '../command.js';
import { KEY_FILE_OPTION, STORE_OPTION, WAIT_OPTION, withStore, writerOptions } from './options.js';

export const rm = defineCommand({
  name: 'rm',
  summary: 'remove snapshots; gc frees their space',
  operands: { label: 'NAME...', min: 1, max: Number.POSITIVE_INFINITY },
  options: { store: STORE_OPTION, 'key-file': KEY_FILE_OPTION, wait: WAIT_OPTION },
  async run({ values, operands, signal }) {
    await withStore(values, async (store) => {
      for (const name of operands) await store.remove(name, writerOptions(values, signal));
    });
  },
});
