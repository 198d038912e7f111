// Options that several commands of `pageferry agent` take.
import { availableParallelism } from 'node:os';
import { type Address, parseAddress, parseTcpAddress } from '../../channel/transports/address.js';
import type { Values } from '../option-table.js';
import { THREADS_OPTION as PACKING_THREADS } from '../threads.js';
import { byteCount, fileName, fromRegistry, wholeNumber } from '../values.js';

/** A UNIX socket or a TCP address. */
export function address(text: string): Address {
  return fromRegistry(() => parseAddress(text));
}

/** A TCP address. */
export function tcpAddress(text: string): Extract<Address, { port: number }> {
  return fromRegistry(() => parseTcpAddress(text));
}

export const COMMON_OPTIONS = {
  'tls-cert': { value: 'FILE', help: "this host's certificate, PEM", parse: fileName },
  'tls-key': { value: 'FILE', help: "this host's private key, PEM", parse: fileName },
  'tls-ca': { value: 'FILE', help: "authorities that sign the peer's certificate, PEM", parse: fileName },
  insecure: { help: 'plain TCP without authentication, in place of the TLS options' },
  base: {
    value: 'FILE',
    help: 'raw memory image that both agents have, such as one of a common system: pages in it are not sent',
    parse: fileName,
  },
  'memory-limit': {
    value: 'SIZE',
    help: 'memory for pages that were sent; the smaller limit of both agents is used',
    parse: byteCount('2G'),
    default: '1G',
  },
  migrations: {
    value: 'N',
    help: 'migrations at the same time, 1 to 16; each takes half of the --memory-limit that is free',
    parse: wholeNumber(1, 16),
    default: '4',
  },
  'max-guest-memory': {
    value: 'SIZE',
    help: 'largest guest to migrate',
    parse: byteCount('8T', '4K'),
    defaultText: "the host's memory",
  },
  stall: {
    value: 'SECONDS',
    help: 'end a migration when the peer sends or reads no byte for this time',
    parse: wholeNumber(1, 3600),
    default: '30',
  },
  metrics: { value: 'ADDRESS', help: 'serve Prometheus metrics at http://HOST:PORT/metrics', parse: address },
  once: { help: 'exit after one migration, with its result as exit status' },
  json: { help: 'log as JSON lines' },
} as const;

const MAX_DEFAULT_THREADS = 4;

/** Options of the commands that connect to a destination agent. */
export const PEER_OPTIONS = {
  peer: { value: 'HOST:PORT', help: 'the destination agent', parse: tcpAddress, required: true },
  'server-name': {
    value: 'NAME',
    help: "name expected in the peer's certificate",
    defaultText: 'the HOST of --peer',
  },
} as const;

export const THREADS_OPTION = {
  ...PACKING_THREADS,
  defaultText: `one per core, at most ${MAX_DEFAULT_THREADS}`,
} as const;

/** Return the default of `THREADS_OPTION` on this host. */
export function defaultThreads(): number {
  return Math.min(availableParallelism(), MAX_DEFAULT_THREADS);
}

/** Parsed values of the options that both agents take. */
export type CommonValues = Values<typeof COMMON_OPTIONS>;

/** Details of the commands that have a `--qmp`. */
export const QMP_DETAIL =
  'ADDRESS is unix:PATH, tcp:HOST:PORT or HOST:PORT. A QMP socket serves one client at a time: give QEMU one of its own with another -qmp option.';

export const AGENT_DETAILS = [
  QMP_DETAIL,
  'The log is printed on standard error.',
  'The agent runs until SIGINT or SIGTERM, or with --once until a migration ended.',
];
