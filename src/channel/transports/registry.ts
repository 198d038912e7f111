import { badArgument } from '../../page/error.js';
import { tcp } from './tcp.js';
import { tls } from './tls.js';
import type { SocketAddress, Transport } from './transport.js';
import { unix } from './unix.js';

/** All transports of a channel. */
export const TRANSPORTS: readonly Transport[] = [tls, tcp, unix];

/**
 * Parse an address of a channel: the scheme of a transport and its form of address, such as `tls:HOST:PORT`.
 * @throws PageferryError `bad-argument`
 */
export function parseChannelAddress(text: string): {
  readonly transport: Transport;
  readonly address: SocketAddress;
} {
  const transport = TRANSPORTS.find(({ scheme }) => text.startsWith(`${scheme}:`));
  const address = transport?.parse(text.slice(transport.scheme.length + 1));
  if (!transport || !address) {
    const forms = TRANSPORTS.map(({ scheme, addressForm }) => `${scheme}:${addressForm}`).join(', ');
    throw badArgument(`address "${text}": expected one of ${forms}`);
  }
  return { transport, address };
}
