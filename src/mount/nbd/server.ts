import { createServer, type Server, type Socket } from 'node:net';
import { type Address, addressText } from '../../channel/transports/address.js';
import {
  acceptError,
  listenAsOwner,
  peerOf,
  portOf,
  removeStaleSocket,
  startListening,
} from '../../channel/transports/sockets.js';
import { PageferryError } from '../../page/error.js';
import { withTimeout } from '../../page/sync.js';
import { FailureLog } from '../failure-log.js';
import type { ServedImage } from '../served-image.js';
import { ClientSocket } from './client-socket.js';
import { Exports } from './exports.js';
import { negotiate } from './negotiate.js';
import { Transmission } from './transmission.js';
import { Turns } from './turns.js';

/** Time without any byte from a client, after which TCP asks whether it is there. */
const KEEPALIVE_MS = 60_000;
const DEFAULT_MAX_CLIENTS = 64;
const DEFAULT_HANDSHAKE_MS = 10_000;
const DEFAULT_STALL_MS = 60_000;

/** Options of {@link serveNbd}. */
export interface NbdOptions {
  /** A UNIX socket's path, or host and port; port 0: any free port. */
  readonly address: Address;
  /** Most clients at one time; more are refused. Default 64. */
  readonly maxClients?: number;
  /** Time that a client has for its handshake, in milliseconds; default 10,000. */
  readonly handshakeMs?: number;
  /** Time after which a client that reads nothing of a reply is dropped, in milliseconds; default 60,000. */
  readonly stallMs?: number;
  /** Called with a line for every client that was dropped; equal errors of an image are reported once. */
  readonly onLog?: (line: string) => void;
}

/** A server of network block devices. */
export interface NbdServer {
  /** The address, with the port that was chosen. */
  readonly address: Address;
  /** Stop listening, and close all connections. Idempotent. */
  close(): void;
}

/**
 * Serve images as read-only exports over NBD, each under its name. The caller closes the images, after the
 * server.
 * @throws PageferryError `io` if the address cannot be used: a process that listens there keeps it
 */
export async function serveNbd(images: readonly ServedImage[], options: NbdOptions): Promise<NbdServer> {
  const { address, maxClients = DEFAULT_MAX_CLIENTS } = options;
  const clients = new Clients(new Exports(images), options);
  // A client may close its half of the connection and still wait for replies.
  // Without TCP's keepalive, a client whose host has vanished would keep its place for ever.
  const server = createServer(
    { allowHalfOpen: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS },
    (socket) => clients.add(socket),
  );
  server.maxConnections = maxClients;
  server.on('drop', () => options.onLog?.(`a client was refused: ${maxClients} are connected`));
  await listen(server, address);
  server.on('error', (cause) => options.onLog?.(acceptError(addressText(address), cause).message));
  return {
    address: 'path' in address ? address : { host: address.host, port: portOf(server)! },
    close() {
      server.close();
      clients.close();
    },
  };
}

async function listen(server: Server, address: Address): Promise<void> {
  if (!('path' in address)) return await startListening(server, address);
  await removeStaleSocket(address.path);
  await listenAsOwner(server, address.path);
}

/** The connected clients. */
class Clients {
  private readonly sockets = new Set<ClientSocket>();
  private readonly failures: FailureLog;
  private readonly turns = new Turns();
  private isClosed = false;

  constructor(
    private readonly exports: Exports,
    private readonly options: NbdOptions,
  ) {
    this.failures = new FailureLog((line) => options.onLog?.(line));
  }

  /** Serve a client until it ends. */
  add(socket: Socket): void {
    const { stallMs = DEFAULT_STALL_MS, onLog } = this.options;
    const peer = peerOf(socket);
    const client = new ClientSocket(socket, stallMs);
    this.sockets.add(client);
    this.serve(client)
      .then(
        () => client.end(),
        (cause) => {
          client.drop(cause);
          if (!this.isClosed) onLog?.(`client ${peer}: ${messageOf(cause)}`);
        },
      )
      .finally(() => this.sockets.delete(client));
  }

  close(): void {
    this.isClosed = true;
    for (const client of this.sockets) client.drop(new PageferryError('io', 'the server was closed'));
  }

  private async serve(client: ClientSocket): Promise<void> {
    const { handshakeMs = DEFAULT_HANDSHAKE_MS } = this.options;
    const session = await withTimeout(
      handshakeMs,
      () => new PageferryError('io', `no complete handshake within ${handshakeMs / 1000} s, dropped`),
      () => negotiate(client, this.exports),
    );
    if (!session) return;
    const onProblem = (cause: unknown) => this.failures.add(`${session.image.name}: ${messageOf(cause)}`);
    await new Transmission(client, session, this.turns, onProblem).run();
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof PageferryError ? cause.message : ((cause as Error)?.stack ?? `${cause}`);
}
