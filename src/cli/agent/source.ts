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
  details: [
    'Start "agent destination" first. Then enter in the monitor of this host\'s QEMU: "migrate_set_capability return-path on" and "migrate -d unix:PATH", with the PATH of --listen. "agent migrate" does this in one command.',
    ...AGENT_DETAILS,
  ],
  stopMs: STOP_MS,
  async run({ values, signal }) {
    await runSource(values, { listen: values.listen, signal });
  },
});
