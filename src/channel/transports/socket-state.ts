import fs from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { Address } from './address.js';

/** Whether a process listens at an address, as far as the system's tables tell without connecting to it. */
export type ListenState = 'unknown' | 'listening' | 'not listening' | 'missing';

/** Linux's tables of sockets. They are read in place of a connection, which QEMU would take for a guest. */
const UNIX_TABLE = '/proc/net/unix';
const TCP_TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
/** Flag of a UNIX socket that accepts connections (`__SO_ACCEPTCON`), and state of such a TCP socket. */
const ACCEPTS_FLAG = 0x10000;
const LISTEN_STATE = '0A';
const MAX_TABLE_BYTES = 64 << 20;

/** Whether a process of this host listens at an address, without connecting to it. */
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

/** The state of a TCP port of this host; a host that is not an address of this host is unknown. */
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
