import { availableParallelism } from 'node:os';
import { startSourceAgent } from '../../agent/source/source-agent.js';
import { defineCommand } from '../command.js';
import { fileName, strategy, wholeNumber } from '../values.js';
import { AGENT_DETAILS, address, COMMON_OPTIONS, tcpAddress } from './options.js';
import { createLog, openStats } from './outputs.js';
import { runAgent, STOP_MS } from './run.js';
import { channelAddress, channelOptions } from './security.js';

const MAX_DEFAULT_THREADS = 4;

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
    peer: { value: 'HOST:PORT', help: 'the destination agent', parse: tcpAddress, required: true },
    'server-name': {
      value: 'NAME',
      help: "name expected in the peer's certificate",
      defaultText: 'the HOST of --peer',
    },
    ...COMMON_OPTIONS,
    strategy: { value: 'NAME', help: 'strategy that chooses codecs', parse: strategy, default: 'adaptive' },
    threads: {
      value: 'N',
      help: 'threads that pack, 1 to 16',
      parse: wholeNumber(1, 16),
      defaultText: `one per core, at most ${MAX_DEFAULT_THREADS}`,
    },
    stats: { value: 'FILE', help: 'append one JSON line a round; - for standard output', parse: fileName },
  },
  details: AGENT_DETAILS,
  stopMs: STOP_MS,
  async run({ values, signal }) {
    const log = createLog(values.json);
    const security = channelOptions(values, log);
    const serverName = values['server-name'];
    const stats = values.stats === undefined ? undefined : openStats(values.stats, log);
    try {
      await runAgent({
        ...{ role: 'source', values, log, signal },
        start: (common) =>
          startSourceAgent({
            ...common,
            listen: values.listen,
            peer: {
              address: channelAddress(values.peer, values),
              ...security,
              ...(serverName !== undefined && { serverName }),
            },
            strategy: values.strategy.name,
            threads: values.threads ?? Math.min(availableParallelism(), MAX_DEFAULT_THREADS),
            onRound: (line) => stats?.write(line),
          }),
      });
    } finally {
      stats?.close();
    }
  },
});
