import { PageferryError } from '../page/error.js';
import { withTimeout } from '../page/sync.js';
import { FrameChannel } from './frame-channel.js';
import { handshakeAsSource } from './handshake.js';
import { type ChannelOptions, channelTimes, checkSecurity } from './security.js';
import { parseChannelAddress } from './transports/registry.js';
import { whenReady } from './transports/sockets.js';

/** Options of a connection to a destination. */
export interface ConnectOptions extends ChannelOptions {
  /** `tls:HOST:PORT`, `tcp:HOST:PORT` (with `insecure`) or `unix:PATH`. */
  readonly address: string;
  /**
   * Name that the destination's certificate must have, a DNS name or an IP address; default: the host of
   * `address`.
   */
  readonly serverName?: string;
}

/**
 * Connect to a destination, as the host that sends guests. `tls:` is TLS 1.3 with certificates of both hosts;
 * sessions are never resumed.
 * @throws PageferryError `bad-argument` for options that do not match, `io` if the peer cannot be reached, is
 * not authenticated or refuses this host, `unsupported` if it uses another version of the protocol
 */
export async function connectChannel(options: ConnectOptions): Promise<FrameChannel> {
  const { transport, address } = parseChannelAddress(options.address);
  const times = channelTimes(options);
  const peer = options.address.slice(transport.scheme.length + 1);
  checkSecurity(transport, options, `channel to ${options.address}`);
  options.signal?.throwIfAborted();
  const { socket, readyEvent } = transport.connect(address, options);
  const late = () => new PageferryError('io', `${peer}: no connection within ${times.handshakeMs} ms`);
  await withTimeout(
    times.handshakeMs,
    late,
    (signal) => whenReady(socket, readyEvent, peer, signal),
    options.signal,
  );
  let identities: string[];
  try {
    identities = transport.identitiesOf(socket, peer);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const { signal } = options;
  const channel = new FrameChannel(socket, {
    role: 'source',
    peer,
    identities,
    stallMs: times.stallMs,
    isPlainTcp: transport.protection === 'none',
    signal,
  });
  await handshakeAsSource(channel, times);
  return channel;
}
