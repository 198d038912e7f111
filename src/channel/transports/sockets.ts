import fs from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, resolve as resolvePath } from 'node:path';
import { PageferryError } from '../../page/error.js';
import { socketReason } from '../../page/socket-reason.js';
import { errorReason } from '../security.js';
import { plainTcpReason } from '../tls-on-one-side.js';
import { type Address, addressText, MAX_PATH_BYTES, parsePath } from './address.js';
import { socketState } from './socket-state.js';

/** Return the address of a socket's peer, for messages. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? 'UNIX socket' : `${remoteAddress}:${remotePort}`;
}

/**
 * Resolve when `socket` emits `readyEvent`; destroy it otherwise. @throws PageferryError `io`; the reason of
 * `signal`
 */
export function whenReady(
  socket: Socket,
  readyEvent: string,
  label: string,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onError = (cause: Error) =>
      fail(new PageferryError('io', `${label}: ${plainTcpReason(cause) ?? errorReason(cause)}`, { cause }));
    const onClose = () =>
      fail(new PageferryError('io', `${label}: closed the connection before it was established`));
    const onAbort = () => fail(signal!.reason);
    const onReady = () => {
      settle();
      resolve();
    };
    const settle = () => {
      signal?.removeEventListener('abort', onAbort);
      socket.off(readyEvent, onReady).off('error', onError).off('close', onClose);
      // An error without a listener would end the process.
      socket.on('error', () => {});
    };
    socket.once(readyEvent, onReady).once('error', onError).once('close', onClose);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort);
  });
}

/** Return the reason why a server cannot listen. Node reports a missing folder as EACCES. */
export function listenReason(address: Address, cause: Error): string {
  const folder = 'path' in address ? dirname(address.path) : undefined;
  if (folder === undefined || fs.existsSync(folder)) return socketReason(cause);
  return `the folder ${folder} does not exist`;
}

/** Make the path of a UNIX socket absolute: the system's table has the path that was bound. */
function absolute(address: Address): Address {
  if (!('path' in address)) return address;
  const path = resolvePath(address.path);
  return Buffer.byteLength(path) <= MAX_PATH_BYTES ? { path } : address;
}

/** Listen at an address. @throws PageferryError `io`; `bad-argument` for a path that is too long */
export function startListening(server: Server, address: Address): Promise<void> {
  // Node would cut a longer path off and listen at another path.
  if ('path' in address) parsePath(address.path);
  return new Promise((resolve, reject) => {
    const onError = (cause: Error) =>
      reject(
        new PageferryError(
          'io',
          `cannot listen at ${addressText(address)}: ${listenReason(address, cause)}`,
          {
            cause,
          },
        ),
      );
    server.once('error', onError);
    server.listen(absolute(address), () => {
      server.off('error', onError);
      resolve();
    });
  });
}

/**
 * Listen at a UNIX socket that only its owner can connect to. @throws PageferryError `io`; `bad-argument` for
 * a path that is too long
 */
export async function listenAsOwner(server: Server, path: string): Promise<void> {
  const listening = startListening(server, { path });
  // Node creates the socket's file in the call above: no process can connect before its permissions are set.
  if (fs.existsSync(path)) fs.chmodSync(path, 0o600);
  await listening;
}

/**
 * Connect to an address; `label` names the peer in errors. @throws PageferryError `io`; the reason of
 * `signal`
 */
export async function connectTo(address: Address, label: string, signal?: AbortSignal): Promise<Socket> {
  const socket = connect(address);
  await whenReady(socket, 'connect', `${label} at ${addressText(address)}`, signal);
  return socket;
}

/** Return the error of a connection that a server could not accept, for lack of descriptors or memory. */
export function acceptError(label: string, cause: Error): PageferryError {
  return new PageferryError('io', `${label}: cannot accept a connection: ${socketReason(cause)}`, { cause });
}

/**
 * Listen at an address; the socket of a dead process is replaced. `onRefused` is called for a connection that
 * cannot be accepted. @throws PageferryError `io`
 */
export async function listenAt(
  address: Address,
  onConnection: (socket: Socket) => void,
  onRefused: (error: PageferryError) => void,
): Promise<Server> {
  if ('path' in address) await removeStaleSocket(address.path);
  // QEMU may still read from a connection that it has closed for writing.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection);
  await startListening(server, address);
  server.on('error', (cause) => onRefused(acceptError(addressText(address), cause)));
  return server;
}

/** Return the port that a server listens at, if it has one. */
export function portOf(server: Server): number | undefined {
  const address = server.address();
  return typeof address === 'object' && address ? (address as AddressInfo).port : undefined;
}

/**
 * Remove a socket's file that no process listens at. @throws PageferryError `io` if one does, or if it is
 * another kind of file
 */
export async function removeStaleSocket(path: string): Promise<void> {
  if (!fs.existsSync(path)) return;
  if (!fs.lstatSync(path).isSocket())
    throw new PageferryError('io', `cannot listen at unix:${path}: the file exists and is not a socket`);
  let found = 'another process listens there; end it first, or choose another path';
  // An agent would accept a connection as a migration. So connect only if the system's table does not list
  // the socket: a process in another network namespace may listen.
  if (socketState({ path }) === 'listening')
    throw new PageferryError('io', `cannot listen at unix:${path}: ${found}`);
  try {
    (await connectTo({ path }, 'socket')).destroy();
  } catch (cause) {
    const { message, cause: reason } = cause as PageferryError;
    const { code } = (reason ?? {}) as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code === 'ECONNREFUSED') return fs.rmSync(path, { force: true });
    // A process that accepts no connection (EAGAIN: its backlog is full) still owns the socket.
    found = `another process may listen there: ${message}`;
  }
  throw new PageferryError('io', `cannot listen at unix:${path}: ${found}`);
}
