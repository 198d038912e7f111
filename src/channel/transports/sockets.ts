import fs from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { PageferryError } from '../../page/error.js';
import { errorReason } from '../security.js';
import { type Address, addressText } from './address.js';

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
  what: string,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onError = (cause: Error) =>
      fail(new PageferryError('io', `${what}: ${errorReason(cause)}`, { cause }));
    const onClose = () =>
      fail(new PageferryError('io', `${what}: closed the connection before it was established`));
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

/** Why a server cannot listen: Node reports a missing folder as EACCES. */
export function listenReason(address: Address, cause: Error): string {
  const folder = 'path' in address ? dirname(address.path) : undefined;
  if (folder === undefined || fs.existsSync(folder)) return cause.message;
  return `the folder ${folder} does not exist`;
}

/** Listen at an address. @throws PageferryError `io` */
export function startListening(server: Server, address: Address): Promise<void> {
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
    server.listen(address, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

/**
 * Connect to an address; `what` names the peer in errors. @throws PageferryError `io`; the reason of `signal`
 */
export async function connectTo(address: Address, what: string, signal?: AbortSignal): Promise<Socket> {
  const socket = connect(address);
  await whenReady(socket, 'connect', `${what} at ${addressText(address)}`, signal);
  return socket;
}

/** Listen at an address; the socket of a dead process is replaced. @throws PageferryError `io` */
export async function listenAt(address: Address, onConnection: (socket: Socket) => void): Promise<Server> {
  if ('path' in address) await removeStaleSocket(address.path);
  // QEMU may still read from a connection that it has closed for writing.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection);
  await startListening(server, address);
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
  const other = await connectTo({ path }, 'socket').catch(() => undefined);
  if (!other) return fs.unlinkSync(path);
  other.destroy();
  throw new PageferryError('io', `cannot listen at unix:${path}: another process listens there`);
}
