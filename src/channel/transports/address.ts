import { badArgument } from '../../page/error.js';
import type { SocketAddress } from './transport.js';

/** Maximum length of a UNIX socket's path, in bytes; the system cuts longer ones off. */
export const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;
const HOST_PORT = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):(\d+)$/i;
const MAX_PORT = 65535;
const LOCAL_HOST = '127.0.0.1';

/** Address of a socket: a UNIX socket's path, or a TCP host and port. */
export type Address = SocketAddress;

/**
 * Parse `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (this host). Undefined if it has another form. @throws
 * PageferryError `bad-argument` if the port is out of range
 */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = HOST_PORT.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  if (port > MAX_PORT) throw badArgument(`port ${match[3]} is out of range 1 to ${MAX_PORT}`);
  return { host: match[1] ?? (match[2] || LOCAL_HOST), port };
}

/**
 * Check the path of a UNIX socket. Undefined if it is empty. @throws PageferryError `bad-argument` if it is
 * too long
 */
export function parsePath(path: string): { readonly path: string } | undefined {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES)
    throw badArgument(
      `a UNIX socket's path has at most ${MAX_PATH_BYTES} bytes, this one has ${bytes}; use a shorter one`,
    );
  return bytes === 0 ? undefined : { path };
}

/**
 * Parse the address of a QEMU: `unix:PATH`, `tcp:HOST:PORT` or `HOST:PORT`. @throws PageferryError
 * `bad-argument`
 */
export function parseAddress(text: string): Address {
  const address = text.startsWith('unix:') ? parsePath(text.slice(5)) : parseHostPort(withoutTcp(text));
  if (address) return address;
  throw badArgument('expected unix:PATH, tcp:HOST:PORT or HOST:PORT');
}

/** Parse `tcp:HOST:PORT` or `HOST:PORT`. @throws PageferryError `bad-argument` */
export function parseTcpAddress(text: string): { readonly host: string; readonly port: number } {
  const address = text.startsWith('unix:') ? undefined : parseHostPort(withoutTcp(text));
  if (address) return address;
  throw badArgument('expected HOST:PORT or tcp:HOST:PORT');
}

function withoutTcp(text: string): string {
  return text.startsWith('tcp:') ? text.slice(4) : text;
}

/** Return an address as `unix:PATH` or `HOST:PORT`. */
export function addressText(address: Address): string {
  if ('path' in address) return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
