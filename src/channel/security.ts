import { badArgument } from '../page/error.js';
import { socketReason } from '../page/socket-reason.js';

/** A host's certificate and the authorities that it trusts, as PEM. */
export interface Credentials {
  readonly certificate: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** Authorities that may sign the peer's certificate. Those of the operating system are not trusted. */
  readonly authorities: string | Uint8Array;
}

/** Protection of a connection: certificates of both hosts, permissions of the file system, or none. */
export type Protection = 'certificates' | 'file permissions' | 'none';

/** Protection of a channel. */
export interface Security {
  /** Required for `tls:`, refused for other transports. */
  readonly credentials?: Credentials;
  /** Must be true for `tcp:`: everybody on the network path can read and change the guest. */
  readonly insecure?: boolean;
  /** Called with a warning; required with `insecure`. */
  readonly onWarning?: (message: string) => void;
}

/** Options of both hosts of a channel. */
export interface ChannelOptions extends Security {
  /** Time for a connection, TLS and the handshake, in ms; default 10 000. */
  readonly handshakeMs?: number;
  /**
   * The channel fails when the peer sends nothing, or accepts nothing, for this time, in ms; default 30 000.
   */
  readonly stallMs?: number;
  /** Cancels the call and ends its channels. */
  readonly signal?: AbortSignal;
}

/** Timeouts of a channel, validated. */
export interface ChannelTimes {
  readonly handshakeMs: number;
  readonly stallMs: number;
}

const HANDSHAKE_MS = 10_000;
const STALL_MS = 30_000;
const MAX_MS = 2 ** 31 - 1;

/** Return the timeouts of a channel, with defaults. @throws PageferryError `bad-argument` */
export function channelTimes(options: Pick<ChannelOptions, 'handshakeMs' | 'stallMs'>): ChannelTimes {
  const { handshakeMs = HANDSHAKE_MS, stallMs = STALL_MS } = options;
  for (const [name, ms] of Object.entries({ handshakeMs, stallMs }))
    if (!Number.isInteger(ms) || ms < 1 || ms > MAX_MS)
      throw badArgument(`${name}: expected a whole number from 1 to ${MAX_MS}, got ${ms}`);
  return { handshakeMs, stallMs };
}

/**
 * Check that the options match the protection of the transport, and warn if it has none.
 * @throws PageferryError `bad-argument`
 */
export function checkSecurity(
  { protection, scheme }: { readonly protection: Protection; readonly scheme: string },
  options: Security,
  label: string,
): void {
  const { credentials, insecure, onWarning } = options;
  const bad = (found: string) => badArgument(`${label}: ${found}`);
  if (protection === 'certificates') {
    if (insecure) throw bad(`insecure: not for ${scheme}:, use tcp:`);
    if (!credentials) throw bad('credentials are missing; without TLS use tcp: and insecure: true');
    const { certificate, key, authorities } = credentials;
    for (const [name, pem] of Object.entries({ certificate, key, authorities }))
      if (!pem || pem.length === 0) throw bad(`credentials: ${name} is missing`);
    return;
  }
  if (credentials) throw bad(`credentials: not for ${scheme}:, use tls:`);
  if (protection !== 'none') return;
  if (!insecure) throw bad(`${scheme}: is not encrypted; use tls:, or set insecure: true`);
  if (!onWarning) throw bad('insecure: needs onWarning');
  onWarning(
    `${label}: not encrypted: everybody on the network path can read and change the guest, everybody who reaches the port can send one`,
  );
}

/** Return the reason of a socket's error; OpenSSL puts a source location before its own. */
export function errorReason(error: Error & { readonly reason?: string }): string {
  return error.reason ?? socketReason(error);
}
