import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';
import { PageferryError } from '../page/error.js';
import { FrameChannel } from './frame-channel.js';
import { handshakeAsSource } from './handshake.js';
import { identitiesOf } from './identity.js';
import { type ChannelOptions, channelTimes, checkPeerVerified, errorReason, tlsOptions } from './security.js';

/** Where to connect to. */
export interface ConnectOptions extends ChannelOptions {
  readonly host: string;
  readonly port: number;
  /** Whom the destination's certificate has to name (a DNS name or an IP address); default `host`. */
  readonly serverName?: string;
}

/**
 * Connects to a destination, as the side that starts migrations: over TLS 1.3, both sides proved by their certificates, sessions
 * never resumed. @throws PageferryError `bad-argument` for options that make no sense, `io` when the other side cannot be reached,
 * is not who it has to be or refuses this one, `unsupported` when it speaks another version of the protocol
 */
export async function connectChannel(options: ConnectOptions): Promise<FrameChannel> {
  const { host, port, signal, serverName = host } = options;
  const peer = `${host}:${port}`;
  const times = channelTimes(options);
  const tls = tlsOptions(options, `channel to ${peer}`);
  const socket = tls
    ? connectTls({
        ...tls,
        host,
        port,
        // Names an address has none to ask for; which certificate is right is decided by serverName alone.
        servername: isIP(serverName) ? '' : serverName,
        checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
      })
    : connectTcp({ host, port });
  await opened(socket, tls ? 'secureConnect' : 'connect', peer, times.handshakeMs, signal);
  let identities: string[] = [];
  try {
    if (tls) {
      checkPeerVerified(socket as TLSSocket, peer);
      identities = identitiesOf((socket as TLSSocket).getPeerCertificate());
    }
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const channel = new FrameChannel(socket, {
    role: 'source',
    peer,
    identities,
    stallMs: times.stallMs,
    signal,
  });
  await handshakeAsSource(channel, times);
  return channel;
}

function opened(
  socket: Socket,
  event: string,
  peer: string,
  handshakeMs: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (found: string, cause?: unknown) => {
      settle();
      socket.destroy();
      reject(new PageferryError('io', `${peer}: ${found}`, { cause }));
    };
    const error = (cause: Error) => failed(errorReason(cause), cause);
    const close = () => failed('closed the connection before it was set up');
    const abort = () => failed('stopped by this side', signal?.reason);
    const timer = setTimeout(() => failed(`no connection within ${handshakeMs} ms`), handshakeMs);
    const done = () => {
      settle();
      resolve();
    };
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.off(event, done).off('error', error).off('close', close);
      // One that still comes, of a socket that is given up already, must not be unheard.
      socket.on('error', () => {});
    };
    socket.once(event, done).once('error', error).once('close', close);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort);
  });
}
