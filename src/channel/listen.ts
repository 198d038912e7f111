import type { DropArgument, Server, Socket } from 'node:net';
import { badArgument, PageferryError } from '../page/error.js';
import { FRAME } from './frame.js';
import { FrameChannel } from './frame-channel.js';
import { handshakeAsDestination } from './handshake.js';
import { isAllowed } from './identity.js';
import { type ChannelOptions, type ChannelTimes, channelTimes, checkSecurity } from './security.js';
import { parseChannelAddress } from './transports/registry.js';
import { acceptError, peerOf, portOf } from './transports/sockets.js';
import type { Transport } from './transports/transport.js';

/** Options of a listener for sources. */
export interface ListenOptions extends ChannelOptions {
  /** `tls:HOST:PORT`, `tcp:HOST:PORT` (with `insecure`) or `unix:PATH`. Port 0: any free port. */
  readonly address: string;
  /**
   * With `tls:`: names in certificates of hosts that may start a migration, whole, `host-a` or `DNS:host-a`.
   * Default: none.
   */
  readonly allowInitiators?: readonly string[];
  /** Maximum number of connections, including those before the handshake; more are refused. Default 16. */
  readonly maxConnections?: number;
  /** Called with every channel after its handshake. The callee closes it; if it fails, the channel ends. */
  readonly onChannel: (channel: FrameChannel) => void | Promise<void>;
  /** Called for every connection that is refused, or whose `onChannel` failed, with the cause. */
  readonly onRefused?: (error: PageferryError) => void;
}

/** A listener for sources. */
export interface ChannelListener {
  /** Port that the listener has; 0 for a UNIX socket. */
  readonly port: number;
  /**
   * Stop listening, and close connections whose handshake is not complete. Channels stay open. Idempotent.
   */
  close(): void;
}

/**
 * Listen, as the host that receives guests. @throws PageferryError `bad-argument`; `io` if the address cannot
 * be used
 */
export async function listenForChannels(options: ListenOptions): Promise<ChannelListener> {
  const { signal, allowInitiators = [], maxConnections = 16 } = options;
  const { transport, address } = parseChannelAddress(options.address);
  const times = channelTimes(options);
  const label = `listener at ${options.address}`;
  if (transport.protection !== 'certificates' && allowInitiators.length > 0)
    throw badArgument(`${label}: allowInitiators: needs tls:, ${transport.scheme}: has no certificates`);
  checkSecurity(transport, options, label);
  signal?.throwIfAborted();
  const onRefused = (error: PageferryError) => options.onRefused?.(error);
  const { server, readyEvent } = transport.createServer(options, onRefused);
  server.maxConnections = maxConnections;
  server.on('drop', (from) => onRefused(tooMany(from, maxConnections)));
  const pending = watchPending(server, readyEvent, times);
  server.on(readyEvent, (socket: Socket) => {
    pending.isReady(socket);
    const onAdmitted = async (channel: FrameChannel) => {
      pending.delete(socket);
      try {
        await options.onChannel(channel);
      } catch (cause) {
        onRefused(channel.fail(cause));
      }
    };
    admit(transport, socket, options, times).then(onAdmitted, onRefused);
  });
  await transport.listen(server, address);
  server.on('error', (cause) => onRefused(acceptError(label, cause)));
  const close = () => {
    signal?.removeEventListener('abort', close);
    server.close();
    pending.destroy();
  };
  if (signal?.aborted) close();
  else signal?.addEventListener('abort', close);
  return { port: portOf(server) ?? 0, close };
}

/** Watch connections whose handshake is not complete: each has a limited time until `readyEvent`. */
function watchPending(server: Server, readyEvent: string, { handshakeMs }: ChannelTimes) {
  const sockets = new Map<unknown, Socket>();
  const timers = new Map<unknown, NodeJS.Timeout>();
  // A TLS socket is another object than the TCP socket below it, with the same address; UNIX sockets have
  // none.
  const keyOf = (socket: Socket) => (readyEvent === 'connection' ? socket : peerOf(socket));
  const isReady = (socket: Socket) => {
    clearTimeout(timers.get(keyOf(socket)));
    timers.delete(keyOf(socket));
  };
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    sockets.set(key, socket);
    // Node's TLS timeout restarts with every byte.
    const onTimeout = () => socket.destroy(new Error(`no TLS within ${handshakeMs} ms`));
    if (readyEvent !== 'connection') timers.set(key, setTimeout(onTimeout, handshakeMs));
    socket
      .on('error', () => {})
      .once('close', () => {
        sockets.delete(key);
        clearTimeout(timers.get(key));
        timers.delete(key);
      });
  });
  return {
    isReady,
    delete: (socket: Socket) => sockets.delete(keyOf(socket)),
    destroy() {
      for (const socket of sockets.values()) socket.destroy();
    },
  };
}

/**
 * Authenticate a peer, check that it may start migrations, and exchange handshakes. @throws PageferryError
 * why it is refused
 */
async function admit(
  transport: Transport,
  socket: Socket,
  options: ListenOptions,
  times: ChannelTimes,
): Promise<FrameChannel> {
  const { allowInitiators = [], signal } = options;
  const peer = peerOf(socket);
  let identities: string[];
  try {
    identities = transport.identitiesOf(socket, peer);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const { stallMs } = times;
  const channel = new FrameChannel(socket, { role: 'destination', peer, identities, stallMs, signal });
  if (transport.protection === 'certificates' && !isAllowed(identities, allowInitiators))
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

function tooMany(from: DropArgument | undefined, maxConnections: number): PageferryError {
  return new PageferryError(
    'limit',
    `${from?.remoteAddress}:${from?.remotePort}: refused, ${maxConnections} connections are open (maxConnections)`,
  );
}
