import { openBaseImage } from '../../agent/base-image-file.js';
import { certificateFacts } from '../../agent/check/certificate.js';
import { type CheckReport, expectationText, reportCheck } from '../../agent/check/report.js';
import { checkChannel } from '../../agent/check/run-check.js';
import { measurePacking } from '../../agent/measure/packing-speed.js';
import { PageferryError } from '../../page/error.js';
import { defineCommand } from '../command.js';
import { printErrorLine, printOut } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { byteCount, fileName, wholeNumber } from '../values.js';
import { adviceJson, adviceText } from './advice-text.js';
import { LocalQemu } from './local-qemu.js';
import {
  address,
  COMMON_OPTIONS,
  defaultThreads,
  PEER_OPTIONS,
  QMP_DETAIL,
  THREADS_OPTION,
} from './options.js';
import { channelOptions, peerOptions } from './security.js';

const MEASURE_MS = 200;
const DEFAULT_GUEST_BYTES = 4 * 2 ** 30;
const DEFAULT_DOWNTIME_MS = 300;

export const check = defineCommand({
  name: 'check',
  summary: 'check before a migration whether both hosts are ready',
  options: {
    ...PEER_OPTIONS,
    'tls-cert': COMMON_OPTIONS['tls-cert'],
    'tls-key': COMMON_OPTIONS['tls-key'],
    'tls-ca': COMMON_OPTIONS['tls-ca'],
    insecure: COMMON_OPTIONS.insecure,
    base: {
      value: 'FILE',
      help: "--base of the source agent: compared by digest with the destination agent's",
      parse: fileName,
    },
    guest: {
      value: 'SIZE',
      help: "the guest's memory; not with --qmp",
      parse: byteCount('8T', '4K'),
      defaultText: "that of --qmp's guest, else 4G",
    },
    qmp: {
      value: 'ADDRESS',
      help: "QMP socket of this host's QEMU: its guest, dirty rate and settings",
      parse: address,
    },
    'max-downtime': {
      value: 'MS',
      help: 'downtime limit',
      parse: wholeNumber(1, 2_000_000),
      defaultText: "that of --qmp's QEMU, else 300",
    },
    threads: THREADS_OPTION,
    stall: {
      ...COMMON_OPTIONS.stall,
      help: 'end the check when the peer sends or reads no byte for this time',
    },
    json: { help: 'report as one JSON object' },
  },
  details: [
    'The options for TLS and the base image are those of "agent source". Asks the destination agent, sends bursts of random bytes for about a second, and packs pages for as long; nothing is migrated.',
    'QEMU is asked only with --qmp. Without it the size of the guest is that of --guest or the default, and its dirty rate is not known.',
    QMP_DETAIL,
    'Exits with status 0 when a migration can start, 1 when a check failed.',
  ],
  async run({ values, signal }) {
    const warnings: string[] = [];
    const security = channelOptions(values, ({ message }) => warnings.push(message));
    if (values.qmp !== undefined && values.guest !== undefined)
      throw new UsageError('--guest: cannot be combined with --qmp, which tells the size of the guest');
    const base = values.base === undefined ? undefined : await openBaseImage(values.base, signal);
    try {
      const qemu = await LocalQemu.connect(values.qmp);
      const channel = await checkChannel({ ...peerOptions(values, security), signal }).catch((cause) => {
        throw qemu.withProblem(cause);
      });
      const threads = values.threads ?? defaultThreads();
      const guest = await qemu.guest(signal, (message) => warnings.push(message));
      const report = reportCheck({
        ...{ channel, threads, guest, base: base?.digest, qemuProblem: qemu.problem },
        isDefaultSize: values.qmp === undefined && values.guest === undefined,
        guestBytes: guest?.qemu.guestBytes ?? values.guest ?? DEFAULT_GUEST_BYTES,
        certificate: security.credentials && certificateFacts(security.credentials.certificate),
        packing: await measurePacking('fixed:lz4', threads, MEASURE_MS),
        downtimeLimitMs: values['max-downtime'] ?? guest?.downtimeLimitMs ?? DEFAULT_DOWNTIME_MS,
        nowMs: Date.now(),
      });
      for (const warning of warnings) printErrorLine(`agent check: warning: ${warning}`);
      printOut(values.json ? jsonOf(report) : textOf(report));
      if (!report.isReady) throw new PageferryError('io', `agent check: ${failuresOf(report)}`);
    } finally {
      base?.close();
    }
  },
});

function failuresOf({ items }: CheckReport): string {
  const failed = items.filter(({ status }) => status === 'failed').map(({ name }) => name);
  return `not ready for a migration: ${failed.join(', ')}`;
}

function textOf(report: CheckReport): string {
  const width = Math.max(...report.items.map(({ name }) => name.length));
  const lines = report.items.map(
    ({ name, status, text }) => `${status.padEnd(7)}  ${name.padEnd(width)}  ${text}\n`,
  );
  const { advice, facts, isReady } = report;
  return `${lines.join('')}${adviceText(advice, facts)}${isReady ? 'ready' : 'not ready'}: ${expectationText(report)}\n`;
}

function jsonOf({ items, advice, facts, isReady }: CheckReport): string {
  const agents = advice.estimates.find(({ mode }) => mode === 'agents')!;
  const { guestBytes } = facts;
  const expected = { guestBytes, totalMs: Math.round(agents.totalMs), bestMode: advice.best?.mode ?? null };
  return `${JSON.stringify({ isReady, items, expected, ...adviceJson(advice, facts) })}\n`;
}
