import fs from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { PageferryError } from '../../page/error.js';

/** Address of a QEMU or an agent: a UNIX socket, or TCP. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

/** Longest path of a UNIX socket: `sun_path` less its final zero. The kernel cuts a longer one off without an error. */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/** Parse `unix:PATH`, `tcp:HOST:PORT` or `HOST:PORT`. @throws PageferryError `bad-argument` */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:') && text.length > 5) return checkedPath(text.slice(5));
  const match = /^(?:tcp:)?(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535)
    throw new PageferryError('bad-argument', `expected unix:PATH or HOST:PORT, got "${text}"`);
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

function checkedPath(path: string): Address {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_PATH_BYTES) return { path };
  throw new PageferryError(
    'bad-argument',
    `a UNIX socket's path has at most ${MAX_PATH_BYTES} bytes, this one has ${bytes}; use a shorter one`,
  );
}

export function addressText(address: Address): string {
  return 'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`;
}

/** Connect to `what`, its name in errors. @throws PageferryError `io`; the abort reason */
export function connectTo(address: Address, what: string, signal?: AbortSignal): Promise<Socket> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    const settle = () => {
      signal?.removeEventListener('abort', onAbort);
      // A reader or writer gets later errors; one that arrives between two of them must not end the process.
      socket.off('error', onError).on('error', () => {});
    };
    const onError = (cause: Error) => {
      settle();
      reject(new PageferryError('io', `${what} at ${addressText(address)}: ${cause.message}`, { cause }));
    };
    const onAbort = () => {
      settle();
      socket.destroy();
      reject(signal!.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
  });
}

/** Listens; a socket that a dead process left behind is replaced. @throws PageferryError `io` */
export async function listenAt(address: Address, connected: (socket: Socket) => void): Promise<Server> {
  if ('path' in address) await removeDead(address);
  return await new Promise((resolve, reject) => {
    // What QEMU has closed on its side, it may still want to read from.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, connected);
    const failed = (cause: Error) =>
      reject(
        new PageferryError('io', `cannot listen at ${addressText(address)}: ${cause.message}`, { cause }),
      );
    server.once('error', failed);
    server.listen(address, () => {
      server.off('error', failed);
      resolve(server);
    });
  });
}

/** The port that a server listens at, where it has one. */
export function portOf(server: Server): number | undefined {
  const address = server.address();
  return typeof address === 'object' && address ? (address as AddressInfo).port : undefined;
}

async function removeDead(address: { readonly path: string }): Promise<void> {
  if (!fs.existsSync(address.path)) return;
  if (!fs.lstatSync(address.path).isSocket())
    throw new PageferryError(
      'io',
      `cannot listen at unix:${address.path}: a file of that name exists, and is no socket`,
    );
  const other = await connectTo(address, 'socket').catch(() => undefined);
  if (!other) return fs.unlinkSync(address.path);
  other.destroy();
  throw new PageferryError('io', `cannot listen at unix:${address.path}: another process listens there`);
}
