import fs from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { Address } from './address.js';

/** State of an address by the system's tables of sockets; unknown where these do not show it. */
export type ListenState = 'unknown' | 'listening' | 'not listening' | 'missing';

/** Linux's tables of sockets. They are read instead of connecting, which QEMU would accept as a migration. */
const UNIX_TABLE = '/proc/net/unix';
const TCP_TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
/** Flag of a UNIX socket that accepts connections (`__SO_ACCEPTCON`), and state of such a TCP socket. */
const ACCEPTS_FLAG = 0x10000;
const LISTEN_STATE = '0A';
const MAX_TABLE_BYTES = 64 << 20;

/** Return whether a process of this host listens at an address, without connecting to it. */
export function socketState(address: Address): ListenState {
  return 'path' in address ? unixState(resolve(address.path)) : tcpState(address.host, address.port);
}

function unixState(path: string): ListenState {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!found) return 'missing';
  if (!found.isSocket()) return 'not listening';
  const table = readTable(UNIX_TABLE);
  if (table === undefined) return 'unknown';
  const real = fs.realpathSync(path);
  let isNamed = false;
  for (const line of table.split('\n')) {
    // Num RefCount Protocol Flags Type St Inode Path
    const fields = line.trim().split(/\s+/);
    const name = fields.slice(7).join(' ');
    // A relative name is relative to the folder of the process that listens.
    if (name === path || name === real) {
      if (Number.parseInt(fields[3]!, 16) & ACCEPTS_FLAG) return 'listening';
    } else if (name !== '' && !name.startsWith('/') && path.endsWith(`/${name.replace(/^\.\//, '')}`))
      isNamed = true;
  }
  return isNamed ? 'unknown' : 'not listening';
}

/** Return the state of a TCP port; unknown if it is free here and `host` may be another host. */
function tcpState(host: string, port: number): ListenState {
  const isLocal = host === 'localhost' || (isIP(host) === 4 ? host.startsWith('127.') : host === '::1');
  const tables = TCP_TABLES.map(readTable).filter((table) => table !== undefined);
  if (tables.length === 0) return 'unknown';
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const listens = tables.some((table) =>
    table.split('\n').some((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      return state === LISTEN_STATE && local.endsWith(suffix);
    }),
  );
  if (listens) return 'listening';
  return isLocal ? 'not listening' : 'unknown';
}

function readTable(path: string): string | undefined {
  try {
    const text = fs.readFileSync(path, 'latin1');
    return text.length > MAX_TABLE_BYTES ? undefined : text;
  } catch {
    return undefined;
  }
}
