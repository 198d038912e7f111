import { type Advice, advise, seconds } from '../../agent/advise/estimate.js';
import { ASSUMED_DATA_FRACTION } from '../../agent/advise/modes.js';
import type { DirtySample } from '../../agent/forecast/dirty-curve.js';
import { type QemuFacts, QemuMonitor } from '../../agent/qmp/monitor.js';
import { PageferryError } from '../../page/error.js';
import { bytesText } from '../../report/terminal/units.js';
import { address } from '../agent/options.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printErrorLine, printOut } from '../terminal.js';
import { bitRate, wholeNumber } from '../values.js';

const DEFAULT_DOWNTIME_MS = 300;
const MIN_PAGES = 1000;

export const command = defineCommand({
  name: 'advise',
  summary: 'compare the migration modes of QEMU for a running guest',
  options: {
    qmp: { value: 'ADDRESS', help: "QMP socket of the guest's QEMU", parse: address, required: true },
    link: { value: 'RATE', help: 'rate between the hosts: 100Mbit, 10Gbit', parse: bitRate, required: true },
    'max-downtime': {
      value: 'MS',
      help: 'longest downtime',
      parse: wholeNumber(1, 2_000_000),
      defaultText: "QEMU's downtime-limit",
    },
    'max-total': { value: 'SECONDS', help: 'longest migration', parse: wholeNumber(1, 1_000_000) },
    json: JSON_OPTION,
  },
  details: [
    'Reads the guest size, the migration settings and the dirty rate (calc-dirty-rate, one second) from QEMU, and estimates plain pre-copy, multifd, multifd with zstd, post-copy and the agents from measured costs. It changes nothing.',
    'ADDRESS is unix:PATH, tcp:HOST:PORT or HOST:PORT. A QMP socket serves one client at a time: give QEMU one of its own with another -qmp option.',
  ],
  async run({ values, signal }) {
    const monitor = await QemuMonitor.connect(values.qmp);
    try {
      const facts = await monitor.facts();
      if (facts.guestBytes === 0)
        throw new PageferryError(
          'unsupported',
          'advise: QEMU reports no guest memory (query-memory-size-summary)',
        );
      const dirty = await dirtySample(monitor, signal);
      const limit = Number(facts.parameters['downtime-limit']) || DEFAULT_DOWNTIME_MS;
      const maxTotal = values['max-total'];
      const advice = advise({
        ...{ guestBytes: facts.guestBytes, dataFraction: dataFraction(facts), dirty },
        ...{ linkBitsPerSecond: values.link, downtimeLimitMs: values['max-downtime'] ?? limit },
        ...(maxTotal !== undefined && { maxTotalMs: 1000 * maxTotal }),
        ...{ hasAgents: true, hasPostcopy: true },
      });
      printOut(values.json ? jsonOf(facts, dirty, advice) : textOf(facts, dirty, advice));
    } finally {
      monitor.close();
    }
  },
});

/** The dirty rate; a QEMU that does not measure it is noted. */
async function dirtySample(monitor: QemuMonitor, signal: AbortSignal): Promise<DirtySample | undefined> {
  try {
    return await monitor.dirtySample(signal);
  } catch (cause) {
    if (signal.aborted || !(cause instanceof PageferryError) || !monitor.isOpen) throw cause;
    printErrorLine(`pageferry: note: the dirty rate is not known: ${cause.message}`);
    return undefined;
  }
}

/** From the last migration of this QEMU, else assumed. */
function dataFraction({ migration: { sentPages, fillPages } }: QemuFacts): number {
  return sentPages < MIN_PAGES ? ASSUMED_DATA_FRACTION : Math.max(0.01, 1 - fillPages / sentPages);
}

function textOf(
  facts: QemuFacts,
  dirty: DirtySample | undefined,
  { estimates, best, reason }: Advice,
): string {
  const rows = estimates.map(
    ({ mode, totalMs, downtimeMs, converges, firstRoundBytes, cpuSeconds, bottleneck }) => [
      mode,
      converges === false ? 'never' : seconds(totalMs),
      converges === false ? '-' : `${Math.round(downtimeMs)} ms`,
      bytesText(Math.round(firstRoundBytes)),
      `${cpuSeconds.toFixed(1)} s`,
      bottleneck,
    ],
  );
  const table = [['mode', 'total', 'downtime', 'first round', 'CPU', 'limited by'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map(
    (row) =>
      `  ${row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd()}\n`,
  );
  const rate = dirty ? `${bytesText(Math.round(dirty.pages * 4096))}/s` : 'not known';
  const on = [...facts.capabilities].sort().join(', ') || 'none';
  return [
    `QEMU ${facts.version}, ${facts.status}: ${bytesText(facts.guestBytes)} of memory, ${facts.cpus} CPUs, dirty rate ${rate}\n`,
    `migration: ${facts.migration.status}, capabilities on: ${on}\n`,
    ...lines,
    best ? `advice: ${best.mode} (${best.settings}): ${reason}\n` : `advice: none: ${reason}\n`,
  ].join('');
}

function jsonOf(
  facts: QemuFacts,
  dirty: DirtySample | undefined,
  { estimates, best, reason }: Advice,
): string {
  const { capabilities, guestBytes, version, status, cpus } = facts;
  const guest = { version, status, guestBytes, cpus, capabilities: [...capabilities].sort() };
  const dirtyBytesPerSecond = dirty ? Math.round(dirty.pages * 4096) : null;
  const advice = best ? { mode: best.mode, settings: best.settings, reason } : { mode: null, reason };
  const modes = estimates.map(({ converges, ...rest }) => ({ ...rest, converges: converges ?? null }));
  return `${JSON.stringify({ guest, dirtyBytesPerSecond, estimates: modes, advice })}\n`;
}
