// tls:HOST:PORT: TLS 1.3 with certificates of both hosts.

import { constants } from 'node:crypto';
import { isIP, Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  createServer,
  type PeerCertificate,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { PageferryError } from '../../page/error.js';
import { identitiesOf } from '../identity.js';
import { errorReason, type Security } from '../security.js';
import { plainTcpReason } from '../tls-on-one-side.js';
import { parseHostPort } from './address.js';
import { peerOf, startListening } from './sockets.js';
import type { Transport } from './transport.js';

export const tls: Transport = {
  scheme: 'tls',
  addressForm: 'HOST:PORT',
  protection: 'certificates',
  parse: parseHostPort,

  connect(address, options) {
    const { host, port } = address as { readonly host: string; readonly port: number };
    const { serverName = host } = options;
    const socket = connect({
      ...tlsOptions(options),
      host,
      port,
      // An IP address must not be sent as a server name; only serverName decides which certificate is right.
      servername: isIP(serverName) ? '' : serverName,
      checkServerIdentity: (_, certificate) => nameError(serverName, certificate),
    });
    return { socket, readyEvent: 'secureConnect' };
  },

  createServer(options, onRefused) {
    // No tickets: any host that has one could resume its session.
    const server = createServer({ ...tlsOptions(options), secureOptions: constants.SSL_OP_NO_TICKET });
    server.on('tlsClientError', (cause: Error, socket: TLSSocket) => onRefused(refusal(cause, socket)));
    return { server, readyEvent: 'secureConnection' };
  },

  listen: startListening,

  /** Check again that TLS has authenticated the peer, and return its names. */
  identitiesOf(socket, peer) {
    const secure = socket as TLSSocket;
    const protocol = secure.getProtocol();
    if (!secure.authorized || protocol !== 'TLSv1.3' || secure.isSessionReused())
      throw new PageferryError(
        'io',
        `${peer}: not authenticated: ${secure.authorizationError ?? `${protocol}, a resumed session`}`,
      );
    return identitiesOf(secure.getPeerCertificate());
  },
};

function tlsOptions({ credentials }: Security): SecureContextOptions & {
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
} {
  const { certificate, key, authorities } = credentials!;
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

/** Return the error of a certificate that is not for the expected name: it lists the names that are valid. */
function nameError(serverName: string, certificate: PeerCertificate): Error | undefined {
  const cause = checkServerIdentity(serverName, certificate);
  if (!cause) return undefined;
  const { subject, subjectaltname = '' } = certificate;
  const names = subjectaltname === '' ? [] : [subjectaltname];
  // The common name counts only where there is no DNS name, and never as an IP address.
  if (!subjectaltname.includes('DNS:'))
    for (const name of [subject?.CN ?? []].flat()) if (!isIP(name)) names.push(`CN:${name}`);
  return new Error(
    `its certificate is for ${names.join(', ') || 'no host'}, not for ${serverName}: give a name that it has with --server-name (serverName), or issue one with this subjectAltName`,
    { cause },
  );
}

function refusal(cause: Error, socket: TLSSocket): PageferryError {
  // Only the TCP socket below, a private field of Node's, still knows the peer's address and its bytes.
  const parent: unknown = Reflect.get(socket, '_parent');
  const below = parent instanceof Socket ? parent : socket;
  // Node closes the connection for an invalid certificate, and keeps the reason here.
  const reason = socket.authorizationError
    ? `its certificate is refused: ${socket.authorizationError}`
    : (plainTcpReason(cause) ?? peerEndReason(cause, below) ?? errorReason(cause));
  return new PageferryError('io', `${peerOf(below)}: ${reason}`, { cause });
}

/**
 * Return the reason, where the peer ended the connection before TLS was established. A source that refuses
 * this host's certificate does so, without an alert.
 */
function peerEndReason({ code }: NodeJS.ErrnoException, { bytesRead }: Socket): string | undefined {
  if (code !== 'ECONNRESET') return undefined;
  return bytesRead === 0
    ? 'closed the connection and sent nothing'
    : "ended the TLS handshake; its log has the reason. If it refuses this host's certificate, check the certificate's names and dates, and --server-name and --tls-ca of the peer";
}
