import { startDestinationAgent } from '../../agent/destination/destination-agent.js';
import { defineCommand } from '../command.js';
import { UsageError } from '../usage-error.js';
import { AGENT_DETAILS, address, COMMON_OPTIONS, tcpAddress } from './options.js';
import { createLog } from './outputs.js';
import { runAgent, STOP_MS } from './run.js';
import { channelAddress, channelOptions } from './security.js';

export const destination = defineCommand({
  name: 'destination',
  summary: "receive guests from another host for this host's QEMU",
  options: {
    listen: { value: 'HOST:PORT', help: 'where source agents connect', parse: tcpAddress, required: true },
    connect: {
      value: 'ADDRESS',
      help: 'where QEMU waits for the guest (-incoming unix:PATH)',
      parse: address,
      required: true,
    },
    qmp: {
      value: 'ADDRESS',
      help: "QMP socket of this host's QEMU (-incoming defer): the agent has it listen at --connect, or at --direct",
      parse: address,
    },
    direct: {
      value: 'ADDRESS',
      help: 'where QEMU listens for direct migrations; 0.0.0.0:0 chooses a port; needs --qmp',
      parse: address,
    },
    'allow-initiator': {
      value: 'NAME',
      help: 'certificate name that may start a migration; required with TLS',
      repeatable: true,
    },
    ...COMMON_OPTIONS,
  },
  details: AGENT_DETAILS,
  stopMs: STOP_MS,
  async run({ values, signal }) {
    const allowInitiators = values['allow-initiator'];
    if (values.insecure && allowInitiators.length > 0)
      throw new UsageError(
        '--allow-initiator: cannot be combined with --insecure, which authenticates no peer',
      );
    if (!values.insecure && allowInitiators.length === 0)
      throw new UsageError('--allow-initiator NAME is required: without it no source may start a migration');
    const { qmp, direct } = values;
    if (direct !== undefined && qmp === undefined)
      throw new UsageError('--direct: needs --qmp ADDRESS, the monitor of QEMU');
    const log = createLog(values.json);
    const security = channelOptions(values, log);
    await runAgent({
      ...{ role: 'destination', values, log, signal },
      start: (common) =>
        startDestinationAgent({
          ...common,
          listen: {
            address: channelAddress(values.listen, values),
            ...security,
            ...(allowInitiators.length > 0 && { allowInitiators }),
          },
          qemu: values.connect,
          ...(qmp && { direct: { qmp, listen: direct } }),
        }),
    });
  },
});
