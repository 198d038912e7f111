import { constants } from 'node:crypto';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type DropArgument,
  type Server,
  Socket,
} from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { PageferryError } from '../page/error.js';
import { FRAME } from './frame.js';
import { FrameChannel } from './frame-channel.js';
import { type Handshake, handshakeAsDestination } from './handshake.js';
import { identitiesOf, isAllowed } from './identity.js';
import { type ChannelOptions, channelTimes, checkPeerVerified, errorReason, tlsOptions } from './security.js';

/** Where to listen, and for whom. */
export interface ListenOptions extends ChannelOptions {
  /** Default: every address of this host. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Who may start a migration: names of certificates, `host-a` or `DNS:host-a`, whole. Default: nobody. */
  readonly allowInitiators?: readonly string[];
  /** Connections at a time, those that nobody knows yet among them; more are turned away. Default 16. */
  readonly maxConnections?: number;
  /** Takes a channel whose other side was proved, is allowed and has greeted; it is the caller's to close. */
  readonly onChannel: (channel: FrameChannel) => void;
  /** Hears of everybody who was turned away, and why. */
  readonly onRefused?: (error: PageferryError) => void;
}

export interface ChannelListener {
  readonly port: number;
  /** Listens no longer, and drops who has not greeted yet. Channels that were handed out go on. */
  close(): void;
}

/** Listens, as the side that migrations come to. @throws PageferryError `bad-argument`; `io` when the address cannot be had */
export async function listenForChannels(options: ListenOptions): Promise<ChannelListener> {
  const { host, port, signal, insecure, allowInitiators = [], maxConnections = 16 } = options;
  const times = channelTimes(options);
  const what = `listener on ${host ?? '*'}:${port}`;
  if (insecure && allowInitiators.length > 0)
    throw new PageferryError(
      'bad-argument',
      `${what}: insecure, so nobody can be told from those in allowInitiators`,
    );
  const tls = tlsOptions(options, what);
  const server = tls
    ? // A ticket could be used again, by whoever has it.
      createTlsServer({ ...tls, secureOptions: constants.SSL_OP_NO_TICKET })
    : createTcpServer();
  server.maxConnections = maxConnections;
  const refused = (error: PageferryError) => options.onRefused?.(error);
  const strangers = new Map<string, Socket>();
  const timers = new Map<string, NodeJS.Timeout>();
  const isKnown = (peer: string) => {
    clearTimeout(timers.get(peer));
    timers.delete(peer);
  };
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    strangers.set(peer, socket);
    // Node's own limit begins anew with every byte. Without TLS there is only the greeting to wait for.
    const late = () => socket.destroy(new Error(`no TLS within ${times.handshakeMs} ms`));
    if (tls) timers.set(peer, setTimeout(late, times.handshakeMs));
    socket
      .on('error', () => {})
      .once('close', () => {
        strangers.delete(peer);
        isKnown(peer);
      });
  });
  server.on('tlsClientError', (cause: Error, socket: TLSSocket) => refused(notProved(cause, socket)));
  server.on('drop', (from) => refused(tooMany(from, maxConnections)));
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    const peer = peerOf(socket);
    isKnown(peer);
    const hand = (channel: FrameChannel) => {
      strangers.delete(peer);
      options.onChannel(channel);
    };
    admit(socket, peer, options, times).then(hand, refused);
  });
  await listening(server, options, what);
  const close = () => {
    signal?.removeEventListener('abort', close);
    server.close();
    for (const socket of strangers.values()) socket.destroy();
  };
  if (signal?.aborted) close();
  else signal?.addEventListener('abort', close);
  return { port: (server.address() as AddressInfo).port, close };
}

function listening(server: Server, { host, port }: ListenOptions, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) => reject(new PageferryError('io', `${what}: ${cause.message}`, { cause }));
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** Lets somebody in who is who it says, may start migrations and speaks as this side does. @throws PageferryError why not */
async function admit(
  socket: Socket,
  peer: string,
  options: ListenOptions,
  times: Handshake,
): Promise<FrameChannel> {
  const { insecure, allowInitiators = [], signal } = options;
  const secured = insecure ? undefined : (socket as TLSSocket);
  let identities: string[] = [];
  try {
    if (secured) {
      checkPeerVerified(secured, peer);
      identities = identitiesOf(secured.getPeerCertificate());
    }
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const channel = new FrameChannel(socket, {
    role: 'destination',
    peer,
    identities,
    stallMs: times.stallMs,
    signal,
  });
  if (secured && !isAllowed(identities, allowInitiators))
    throw channel.fail(
      new PageferryError(
        'io',
        `${peer}: ${identities.join(', ') || 'a certificate without a name'} may not start a migration here`,
      ),
      FRAME.REFUSE,
    );
  await handshakeAsDestination(channel, times);
  return channel;
}

function notProved(cause: Error, socket: TLSSocket): PageferryError {
  // Node hangs up on a certificate that does not hold, and keeps the reason.
  const why = socket.authorizationError
    ? `its certificate is refused: ${socket.authorizationError}`
    : errorReason(cause);
  // By then only the socket below, which Node keeps to itself, still knows its peer.
  const below: unknown = Reflect.get(socket, '_parent');
  return new PageferryError('io', `${peerOf(below instanceof Socket ? below : socket)}: ${why}`, { cause });
}

function tooMany(from: DropArgument | undefined, maxConnections: number): PageferryError {
  return new PageferryError(
    'limit',
    `${from?.remoteAddress}:${from?.remotePort}: turned away, ${maxConnections} are connected`,
  );
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? 'a connection that is gone' : `${remoteAddress}:${remotePort}`;
}
