import { availableParallelism } from 'node:os';
import { advise } from '../../agent/advise/advise.js';
import type { MigrationFacts } from '../../agent/advise/facts.js';
import { cpuFactor } from '../../agent/check/migration-facts.js';
import { type GuestFacts, readGuest } from '../../agent/measure/guest-facts.js';
import { measurePacking } from '../../agent/measure/packing-speed.js';
import { QemuMonitor } from '../../agent/qmp/monitor.js';
import { bytesText } from '../../report/terminal/units.js';
import { adviceJson, adviceText } from '../agent/advice-text.js';
import { address, QMP_DETAIL } from '../agent/options.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { printErrorLine, printOut } from '../terminal.js';
import { bitRate, wholeNumber } from '../values.js';

const MEASURE_MS = 200;

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
    cores: {
      value: 'N',
      help: 'cores of the destination',
      parse: wholeNumber(1, 4096),
      defaultText: "this host's",
    },
    json: JSON_OPTION,
  },
  details: [
    'Reads the guest size, the migration settings, the dirty rate (calc-dirty-rate, one second) and pieces of the memory (pmemsave, 4 MiB) from QEMU, measures how fast this host packs, and estimates plain pre-copy, multifd, multifd with zstd, post-copy and the agents from recorded costs. It changes nothing.',
    QMP_DETAIL,
  ],
  async run({ values, signal }) {
    const monitor = await QemuMonitor.connect(values.qmp);
    try {
      const guest = await readGuest(monitor, signal, (note) => printErrorLine(`pageferry: note: ${note}`));
      const threads = availableParallelism();
      const packing = await measurePacking('fixed:lz4', Math.min(threads, 4), MEASURE_MS);
      const maxTotal = values['max-total'];
      const { qemu, memory, dirty, busyCores, maxBandwidth, support } = guest;
      const facts: MigrationFacts = {
        ...{ guestBytes: qemu.guestBytes, isEmulated: qemu.isEmulated },
        ...{ memory, dirty, busyCores, maxBandwidth, source: support },
        ...{ linkBitsPerSecond: values.link, sourceCores: threads },
        downtimeLimitMs: values['max-downtime'] ?? guest.downtimeLimitMs,
        ...(maxTotal !== undefined && { maxTotalMs: 1000 * maxTotal }),
        destinationCores: values.cores ?? threads,
        cpuFactor: cpuFactor(packing),
        ...{ hasAgents: true, hasPostcopy: true },
      };
      const advice = advise(facts);
      printOut(
        values.json
          ? `${JSON.stringify({ guest: guestJson(guest), ...adviceJson(advice, facts) })}\n`
          : `${guestText(guest)}${adviceText(advice, facts)}`,
      );
    } finally {
      monitor.close();
    }
  },
});

function guestText({ qemu }: GuestFacts): string {
  const on = [...qemu.capabilities].sort().join(', ') || 'none';
  return [
    `QEMU ${qemu.version}, ${qemu.status}: ${bytesText(qemu.guestBytes)} of memory, ${qemu.cpus} CPUs\n`,
    `migration: ${qemu.migration.status}, capabilities on: ${on}\n`,
  ].join('');
}

function guestJson({ qemu }: GuestFacts) {
  const { capabilities, guestBytes, version, status, cpus } = qemu;
  return { version, status, guestBytes, cpus, capabilities: [...capabilities].sort() };
}
