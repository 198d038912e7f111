import { defineCommand } from '../command.js';
import { STORE_OPTIONS, WAIT_OPTION, withStore, writerOptions } from './options.js';

export const rm = defineCommand({
  name: 'rm',
  summary: 'remove snapshots, all or none; gc frees their space',
  operands: { label: 'NAME...', min: 1, max: Number.POSITIVE_INFINITY },
  options: { ...STORE_OPTIONS, wait: WAIT_OPTION },
  async run({ values, operands, signal }) {
    await withStore(values, (store) => store.remove(operands, writerOptions(values, signal)));
  },
});
