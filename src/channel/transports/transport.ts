import type { Server, Socket } from 'node:net';
import type { PageferryError } from '../../page/error.js';
import type { Protection, Security } from '../security.js';

/** Address of a socket, as `net.connect` and `server.listen` take it. */
export type SocketAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** A connection that is not established yet: `readyEvent` is emitted once the peer is authenticated. */
interface OutgoingSocket {
  readonly socket: Socket;
  readonly readyEvent: string;
}

/** Options of a transport's connection. */
interface TransportConnectOptions extends Security {
  /** Name that the peer's certificate must have; default: the host of the address. */
  readonly serverName?: string;
}

/**
 * A transport between two hosts. To add one, write a file with an object of this type and add it to
 * `registry.ts`; its connections must be Node sockets.
 */
export interface Transport {
  /** First part of an address: `tls`. */
  readonly scheme: string;
  /** Form of the rest of an address, for messages: `HOST:PORT`. */
  readonly addressForm: string;
  /** Determines the required option: `credentials`, none, or `insecure: true`. */
  readonly protection: Protection;
  /** Parse the rest of an address. Undefined if it is not valid. */
  parse(rest: string): SocketAddress | undefined;
  /** Start to connect. */
  connect(address: SocketAddress, options: TransportConnectOptions): OutgoingSocket;
  /** Create a server; `onRefused` is called for peers that it refuses before `readyEvent`. */
  createServer(
    options: Security,
    onRefused: (error: PageferryError) => void,
  ): { readonly server: Server; readonly readyEvent: string };
  /** Listen at an address. @throws PageferryError `io` */
  listen(server: Server, address: SocketAddress): Promise<void>;
  /**
   * Return the names in the verified certificate of a socket's peer. @throws PageferryError `io` if it is not
   * verified
   */
  identitiesOf(socket: Socket, peer: string): string[];
}
