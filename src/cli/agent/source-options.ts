// Options of the commands that send guests, and the agent that they start.
import type { QmpSettings } from '../../agent/forecast/forecaster.js';
import { type SourceAgent, startSourceAgent } from '../../agent/source/source-agent.js';
import type { Address } from '../../channel/transports/address.js';
import { STRATEGY_NAMES } from '../../strategy/registry.js';
import type { Values } from '../option-table.js';
import { UsageError } from '../usage-error.js';
import { bitRate, fileName, strategy, wholeNumber } from '../values.js';
import { address, COMMON_OPTIONS, defaultThreads, PEER_OPTIONS, THREADS_OPTION } from './options.js';
import { createLog, openStats } from './outputs.js';
import { type Begin, runAgent } from './run.js';
import { channelOptions, peerOptions } from './security.js';

/** Uses of the monitor while a migration is in progress. */
export const QMP_USES = 'for forecasts, --direct, --max-total and --max-downtime';

export const SOURCE_OPTIONS = {
  ...PEER_OPTIONS,
  ...COMMON_OPTIONS,
  strategy: {
    value: 'NAME',
    help: 'strategy that chooses codecs',
    parse: strategy,
    names: STRATEGY_NAMES,
    default: 'adaptive',
  },
  threads: THREADS_OPTION,
  'max-rate': {
    value: 'RATE',
    help: 'limit on the bytes to the destination, which the migrations share: 500Mbit, 2Gbit',
    parse: bitRate,
  },
  qmp: { value: 'ADDRESS', help: `QMP socket of this host's QEMU, ${QMP_USES}`, parse: address },
  direct: {
    help: 'let QEMU migrate directly to the other QEMU where the agents gain nothing; needs --qmp, and --direct at the destination agent',
  },
  'max-total': {
    value: 'SECONDS',
    help: "when a migration would take longer: raise QEMU's downtime-limit, at most to --max-downtime; else start post-copy (if postcopy-ram is on); else throttle the guest faster (if auto-converge is on); needs --qmp",
    parse: wholeNumber(1, 1_000_000),
  },
  'max-downtime': {
    value: 'MS',
    help: 'limit of the downtime: a longer downtime-limit of QEMU is lowered to it at the start; where pre-copy does not end, a shorter one is raised, at most to it, and then as with --max-total; needs --qmp',
    parse: wholeNumber(1, 2_000_000),
  },
  stats: { value: 'FILE', help: 'append one JSON line a round; - for standard output', parse: fileName },
} as const;

interface SourceRun {
  readonly listen: Address;
  readonly signal: AbortSignal;
  readonly begin?: Begin<SourceAgent>;
}

/**
 * Run a source agent until `signal` aborts, or with `once` until a migration ended; return whether one is
 * complete.
 * @throws its failure
 */
export async function runSource(
  values: Values<typeof SOURCE_OPTIONS>,
  { listen, signal, begin }: SourceRun,
): Promise<boolean> {
  const log = createLog(values.json);
  const qmp = qmpSettings(values);
  const security = channelOptions(values, log);
  const stats = values.stats === undefined ? undefined : openStats(values.stats, log);
  try {
    return await runAgent({
      ...{ role: 'source', values, log, signal, begin },
      start: (common) =>
        startSourceAgent({
          ...{ ...common, listen },
          peer: peerOptions(values, security),
          ...(qmp && { qmp }),
          isDirectAllowed: values.direct,
          maxBitsPerSecond: values['max-rate'],
          strategy: values.strategy.name,
          threads: values.threads ?? defaultThreads(),
          onRound: (line) => stats?.write(line),
        }),
    });
  } finally {
    stats?.close();
  }
}

/** @throws UsageError for limits without the monitor that enforces them */
function qmpSettings(values: {
  readonly qmp: Address | undefined;
  readonly 'max-total': number | undefined;
  readonly 'max-downtime': number | undefined;
  readonly direct: boolean;
}): QmpSettings | undefined {
  const { qmp, 'max-total': maxTotal, 'max-downtime': maxDowntimeMs } = values;
  if (qmp === undefined) {
    const given = (['max-total', 'max-downtime'] as const).find((name) => values[name] !== undefined);
    if (values.direct) throw new UsageError('--direct: needs --qmp ADDRESS, the monitor of QEMU');
    if (given) throw new UsageError(`--${given}: needs --qmp ADDRESS, the monitor of QEMU`);
    return undefined;
  }
  return { address: qmp, maxTotalMs: maxTotal === undefined ? undefined : 1000 * maxTotal, maxDowntimeMs };
}
