import { defineCommand } from '../command.js';
import { AGENT_DETAILS, address } from './options.js';
import { STOP_MS } from './run.js';
import { runSource, SOURCE_OPTIONS } from './source-options.js';

export const source = defineCommand({
  name: 'source',
  summary: "send the guests of this host's QEMU to another host",
  options: {
    listen: {
      value: 'ADDRESS',
      help: 'where QEMU connects (migrate unix:PATH)',
      parse: address,
      required: true,
    },
    ...SOURCE_OPTIONS,
  },
  details: AGENT_DETAILS,
  stopMs: STOP_MS,
  async run({ values, signal }) {
    await runSource(values, { listen: values.listen, signal });
  },
});
