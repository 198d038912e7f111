import { countText } from '../../report/terminal/units.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printOut } from '../terminal.js';
import { freeSpaceJson, freeSpaceOf, freeSpaceText } from './free-space.js';
import { STORE_OPTIONS, WAIT_OPTION, withStore, writerOptions } from './options.js';

export const rm = defineCommand({
  name: 'rm',
  summary: 'remove snapshots, all or none; gc frees their space',
  operands: { label: 'NAME...', min: 1, max: Infinity },
  options: { ...STORE_OPTIONS, wait: WAIT_OPTION, json: JSON_OPTION },
  details: ['NAME.state and NAME.trace (put --state, put --trace) are removed with NAME.'],
  async run({ values, operands, signal }) {
    const { removed, space } = await withStore(values, async (store) => ({
      removed: await store.remove(operands, writerOptions(values, signal)),
      space: await freeSpaceOf(store),
    }));
    printOut(
      values.json
        ? `${JSON.stringify({ removed, ...freeSpaceJson(space) })}\n`
        : `removed ${countText(removed.length, 'snapshot')}: ${removed.join(', ')}; ${freeSpaceText(space)}\n`,
    );
  },
});
