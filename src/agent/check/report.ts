import { digestText } from '../../dedup/image-digest.js';
import { VERSION } from '../../version.js';
import { type Advice, advise, seconds } from '../advise/advise.js';
import type { MigrationFacts } from '../advise/facts.js';
import type { PackingSpeed } from '../measure/packing-speed.js';
import type { CertificateFacts } from './certificate.js';
import type { DestinationFacts } from './messages.js';
import { type KnownFacts, migrationFacts } from './migration-facts.js';

type CheckStatus = 'ok' | 'warning' | 'failed';

/** Result of one check. */
interface CheckItem {
  readonly name: string;
  readonly status: CheckStatus;
  readonly text: string;
}

/** Inputs of the report. */
export interface CheckInput extends KnownFacts {
  /** This host's certificate. */
  readonly certificate: CertificateFacts | undefined;
  readonly threads: number;
  readonly base: Uint8Array | undefined;
  /** Why the QEMU of this host cannot be asked, if it should be. */
  readonly qemuProblem?: string | undefined;
  /** Whether the guest's size is the default: neither the operator nor QEMU named it. */
  readonly isDefaultSize?: boolean;
  readonly nowMs: number;
}

/** Result of all checks, and the expected migration. */
export interface CheckReport {
  readonly items: readonly CheckItem[];
  readonly facts: MigrationFacts;
  readonly advice: Advice;
  readonly isReady: boolean;
}

const DAY_S = 86_400;
/** A certificate that ends sooner is a warning. */
const SOON_DAYS = 14;
/** A destination that unpacks slower than this multiple of the link's rate is a warning. */
const MIN_UNPACK_FACTOR = 1;

/** Compare what a check found with what a migration needs. */
export function reportCheck(input: CheckInput): CheckReport {
  const { channel, packing, guestBytes, threads } = input;
  const { destination, bitsPerSecond, roundTripMs } = channel;
  const bytesPerMs = bitsPerSecond === undefined ? undefined : bitsPerSecond / 8000;
  const items: CheckItem[] = [
    ...(input.certificate
      ? [certificateItem('certificate of this host', input.certificate, input.nowMs)]
      : []),
    ...(input.qemuProblem === undefined
      ? []
      : [{ name: 'QEMU of this host', status: 'failed' as const, text: input.qemuProblem }]),
    {
      ...{ name: 'destination agent', status: 'ok' },
      text:
        channel.identities.length > 0
          ? `answers as ${channel.identities.join(', ')}`
          : 'answers, not authenticated',
    },
    versionItem(destination),
    ...(destination.certificateEnd === undefined
      ? []
      : [
          certificateItem(
            'certificate of the destination',
            { name: '', end: destination.certificateEnd },
            input.nowMs,
          ),
        ]),
    qemuItem(destination),
    migrationsItem(destination),
    input.qemuProblem === undefined ? guestItem(destination, input) : assumedGuestItem(guestBytes),
    baseItem(input.base, destination.base),
    {
      ...{ name: 'link', status: 'ok' },
      text: `${rateText(bitsPerSecond)}, round trip ${roundTripMs.toFixed(roundTripMs < 10 ? 1 : 0)} ms`,
    },
    packingItem(packing, threads, bytesPerMs),
    ...unpackItem(destination, packing, bytesPerMs),
  ];
  const facts = migrationFacts(input);
  return {
    ...{ items, facts, advice: advise(facts) },
    isReady: items.every(({ status }) => status !== 'failed'),
  };
}

/** Expected time of the agents for the guest, in a sentence. */
export function expectationText({ advice, facts }: CheckReport): string {
  const { memory, dirty, guestBytes } = facts;
  const agents = advice.estimates.find(({ mode }) => mode === 'agents')!;
  const { best } = advice;
  const other =
    best && best.mode !== 'agents'
      ? `; QEMU's ${best.mode} would take ${seconds(best.totalMs)}: migrate without the agents`
      : '';
  const percent = Math.round(100 * memory.dataFraction);
  const rate = dirty ? '' : ' (dirty rate not known)';
  return `a guest of ${sizeText(guestBytes)}, of which ${percent}% is not zero${rate}: ${seconds(agents.totalMs)} with the agents${other}`;
}

function certificateItem(name: string, { name: names, end }: CertificateFacts, nowMs: number): CheckItem {
  const days = Math.floor((end - nowMs / 1000) / DAY_S);
  const date = new Date(1000 * end).toISOString().slice(0, 10);
  const prefix = names === '' ? '' : `${names}; `;
  if (end * 1000 < nowMs) return { name, status: 'failed', text: `${prefix}expired on ${date}: renew it` };
  return {
    name,
    status: days < SOON_DAYS ? 'warning' : 'ok',
    text: `${prefix}valid until ${date} (${days} ${days === 1 ? 'day' : 'days'})${days < SOON_DAYS ? ': renew it' : ''}`,
  };
}

function versionItem({ version }: DestinationFacts): CheckItem {
  const isSame = version === VERSION;
  return {
    name: 'versions',
    status: isSame ? 'ok' : 'warning',
    text: isSame
      ? `${VERSION} on both hosts`
      : `${VERSION} here, ${version} at the destination; use the same release`,
  };
}

function qemuItem({ qemuAddress, qemuSocket }: DestinationFacts): CheckItem {
  const name = 'QEMU at the destination';
  if (qemuSocket === 'listening') return { name, status: 'ok', text: `listens at ${qemuAddress}` };
  if (qemuSocket === 'deferred')
    return { name, status: 'ok', text: `waits for the agent, which has it listen at ${qemuAddress}` };
  if (qemuSocket === 'unknown')
    return { name, status: 'warning', text: `cannot tell whether it listens at ${qemuAddress}` };
  const found = qemuSocket === 'missing' ? 'no such socket' : qemuSocket;
  return {
    ...{ name, status: 'failed' },
    text: `does not listen at ${qemuAddress} (${found}): start it with -incoming, or use QMP's migrate-incoming`,
  };
}

/** Return why no guest can be given to the destination's QEMU, if it is so. */
export function qemuProblem(facts: DestinationFacts): string | undefined {
  const { status, name, text } = qemuItem(facts);
  return status === 'failed' ? `${name} ${text}` : undefined;
}

function migrationsItem({ migrationsInProgress: count }: DestinationFacts): CheckItem {
  const name = 'migrations in progress';
  if (count === 0) return { name, status: 'ok', text: 'none at the destination' };
  return { name, status: 'warning', text: `${count} at the destination: they share the link and the CPU` };
}

function guestItem(
  { maxGuestBytes }: DestinationFacts,
  { guestBytes, isDefaultSize }: CheckInput,
): CheckItem {
  const name = 'guest size';
  const origin = isDefaultSize ? ' (the default; give --guest SIZE or --qmp ADDRESS)' : '';
  const text = `${sizeText(guestBytes)}${origin}, the destination takes up to ${sizeText(maxGuestBytes)}`;
  if (guestBytes <= maxGuestBytes) return { name, status: 'ok', text };
  return { name, status: 'failed', text: `${text}: raise --max-guest-memory there` };
}

function assumedGuestItem(guestBytes: number): CheckItem {
  const text = `not known without QEMU of this host: ${sizeText(guestBytes)} are assumed`;
  return { name: 'guest size', status: 'warning', text };
}

function baseItem(own: Uint8Array | undefined, other: Uint8Array | undefined): CheckItem {
  const name = 'base image';
  const [here, there] = [own, other].map((digest) => (digest ? digestText(digest) : 'none'));
  if (here === there) return { name, status: 'ok', text: `${here} on both hosts` };
  return {
    ...{ name, status: 'failed' },
    text: `${here} here, ${there} at the destination: give both agents the same file, or none`,
  };
}

function packingItem(
  { packBytesPerMs }: PackingSpeed,
  threads: number,
  bytesPerMs: number | undefined,
): CheckItem {
  const text = `packs ${megabytes(packBytesPerMs)} with ${threads} ${threads === 1 ? 'thread' : 'threads'} (LZ4)`;
  const name = 'CPU of this host';
  if (bytesPerMs === undefined || packBytesPerMs >= bytesPerMs) return { name, status: 'ok', text };
  return { name, status: 'warning', text: `${text}, slower than the link: pages go uncompressed` };
}

function unpackItem(
  { unpackBytesPerMs, cores }: DestinationFacts,
  { ratio }: PackingSpeed,
  bytesPerMs: number | undefined,
): CheckItem[] {
  const name = 'CPU of the destination';
  if (unpackBytesPerMs === undefined)
    return [{ name, status: 'warning', text: 'not measured: a migration is in progress there' }];
  const text = `unpacks ${megabytes(unpackBytesPerMs)} with one thread; ${cores} ${cores === 1 ? 'core' : 'cores'}`;
  if (bytesPerMs === undefined || unpackBytesPerMs * ratio >= MIN_UNPACK_FACTOR * bytesPerMs)
    return [{ name, status: 'ok', text }];
  return [{ name, status: 'warning', text: `${text}; with LZ4 it is slower than the link` }];
}

function rateText(bitsPerSecond: number | undefined): string {
  if (bitsPerSecond === undefined) return 'faster than could be measured';
  return bitsPerSecond < 1e9
    ? `${(bitsPerSecond / 1e6).toFixed(bitsPerSecond < 1e7 ? 1 : 0)} Mbit/s`
    : `${(bitsPerSecond / 1e9).toFixed(1)} Gbit/s`;
}

function megabytes(bytesPerMs: number): string {
  return `${Math.round(bytesPerMs / 1000)} MB/s`;
}

function sizeText(bytes: number): string {
  return bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(bytes % 2 ** 30 === 0 ? 0 : 1)} GiB`
    : `${Math.round(bytes / 2 ** 20)} MiB`;
}
