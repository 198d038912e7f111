import type { CommonConnectionOptions, SecureContextOptions, TLSSocket } from 'node:tls';
import { PageferryError } from '../page/error.js';

/** What a host shows and whom it believes, as PEM. */
export interface Credentials {
  readonly certificate: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** The authorities whose certificates are taken from the other side; those of the system are not. */
  readonly authorities: string | Uint8Array;
}

/** How a channel is kept: by certificates, or not at all. */
export interface Security {
  readonly credentials?: Credentials;
  /** Plain TCP: whoever is on the way reads and changes all of it. Only when it is true, and then `warn` hears of it. */
  readonly insecure?: boolean;
  readonly onWarning?: (message: string) => void;
}

/** What both ends of a channel are given. */
export interface ChannelOptions extends Security {
  /** A connection has so long for TLS and greeting; default 10 s. */
  readonly handshakeMs?: number;
  /** The other side may be silent, and take nothing, for so long; default 30 s. */
  readonly stallMs?: number;
  readonly signal?: AbortSignal;
}

const HANDSHAKE_MS = 10_000;
const STALL_MS = 30_000;

/** The times, checked. @throws PageferryError `bad-argument` */
export function channelTimes(options: ChannelOptions): {
  readonly handshakeMs: number;
  readonly stallMs: number;
} {
  const { handshakeMs = HANDSHAKE_MS, stallMs = STALL_MS } = options;
  for (const [name, ms] of Object.entries({ handshakeMs, stallMs }))
    if (!Number.isInteger(ms) || ms < 1 || ms >= 2 ** 31)
      throw new PageferryError(
        'bad-argument',
        `${name}: expected a whole number from 1 to ${2 ** 31 - 1}, got ${ms}`,
      );
  return { handshakeMs, stallMs };
}

/**
 * Options of TLS for either side: 1.3 and nothing before it, a certificate from the other side, signed by one of our authorities.
 * Nothing for plain TCP. @throws PageferryError `bad-argument` when neither was asked for, or both
 */
export function tlsOptions(
  { credentials, insecure, onWarning: warn }: Security,
  what: string,
): (SecureContextOptions & CommonConnectionOptions) | undefined {
  if (insecure) {
    if (credentials)
      throw new PageferryError('bad-argument', `${what}: credentials and insecure: it can only be one`);
    if (!warn) throw new PageferryError('bad-argument', `${what}: insecure needs a warn function`);
    warn(
      `${what}: plain TCP, anybody on the way can read and change the guest, and anybody who reaches the port can send one`,
    );
    return undefined;
  }
  if (!credentials)
    throw new PageferryError(
      'bad-argument',
      `${what}: credentials are missing; plain TCP only with insecure: true`,
    );
  const { certificate, key, authorities } = credentials;
  for (const [name, pem] of Object.entries({ certificate, key, authorities }))
    if (!pem || pem.length === 0) throw new PageferryError('bad-argument', `${what}: the ${name} is missing`);
  return {
    cert: Buffer.from(certificate),
    key: Buffer.from(key),
    ca: Buffer.from(authorities),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: true,
  };
}

/** What went wrong, as people read it: OpenSSL puts where in its sources before it. */
export function errorReason(error: Error & { readonly reason?: string }): string {
  return error.reason ?? error.message;
}

/** What TLS itself should have refused. @throws PageferryError `io` */
export function checkPeerVerified(socket: TLSSocket, peer: string): void {
  const protocol = socket.getProtocol();
  if (!socket.authorized || protocol !== 'TLSv1.3' || socket.isSessionReused())
    throw new PageferryError(
      'io',
      `${peer}: not proved: ${socket.authorizationError ?? `${protocol}, a session that was resumed`}`,
    );
}
