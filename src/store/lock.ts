// The lock of a store's only writer: a record in the database, which names the process. The database's own
// transactions, which end with their process, make taking it atomic.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { PageferryError } from '../page/error.js';
import { sleep } from '../page/sync.js';
import type { StoreDatabase } from './database.js';

const KEY = 'writer';
/** Database key of the number of the newest pack to which nothing is appended. */
export const CLOSED_PACK = 'closedPack';
const POLL_MS = 100;
/**
 * Interval in which the writer renews its record, and age from which the record of a process that is not
 * visible here (another host or container) is void.
 */
const RENEW_MS = 10_000;
const STALE_MS = 60_000;

/** The record of the writer. */
interface Owner {
  readonly token: string;
  readonly pid: number;
  /** Start of the process, in clock ticks since the boot of its system. */
  readonly start: string;
  /** System and namespace of the pid. */
  readonly scope: string;
  readonly host: string;
  readonly action: string;
  readonly since: string;
  readonly renewedMs: number;
}

/** The lock of a store, which this process has. */
export interface WriterLock {
  /**
   * Check, within a transaction, that this process still has it: one that is suspended can lose it.
   * @throws PageferryError `busy`
   */
  check(): void;
  release(): void;
}

/**
 * Take the lock to do `action`, waiting up to `waitMs` for the process that has it.
 * @throws PageferryError `busy` that names that process; the reason of `signal`
 */
export async function takeLock(
  db: StoreDatabase,
  dir: string,
  action: string,
  { waitMs = 0, signal }: { readonly waitMs?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<WriterLock> {
  const token = randomBytes(8).toString('hex');
  const startedMs = performance.now();
  for (;;) {
    const owner = tryLock(db, token, action);
    if (!owner) break;
    if (performance.now() - startedMs >= waitMs) throw busyError(dir, owner, waitMs);
    await sleep(POLL_MS, signal);
    db.refresh();
  }
  const timer = setInterval(() => renew(db, token), RENEW_MS);
  timer.unref();
  const isHeld = () => db.value<Owner>(KEY)?.token === token;
  return {
    check() {
      if (!isHeld()) throw lostError(dir);
    },
    release() {
      clearInterval(timer);
      db.transaction(() => {
        if (isHeld()) db.removeValue(KEY);
      });
    },
  };
}

/** Whether a process that has not ended has the lock. */
export function isLocked(db: StoreDatabase): boolean {
  const owner = readOwner(db);
  return owner !== undefined && isAlive(owner);
}

/** Take the lock, or return its owner. */
function tryLock(db: StoreDatabase, token: string, action: string): Owner | undefined {
  return db.transaction(() => {
    const owner = readOwner(db);
    if (owner && isAlive(owner)) return owner;
    // A process elsewhere may be suspended and still append to the newest pack, after its committed bytes.
    if (owner && owner.scope !== scope()) db.putValue(CLOSED_PACK, Math.max(0, ...db.packNumbers()));
    const { pid } = process;
    const record: Owner = {
      token,
      pid,
      start: startOf(pid) ?? '',
      scope: scope(),
      host: os.hostname(),
      action,
      since: new Date().toISOString(),
      renewedMs: Date.now(),
    };
    db.putValue(KEY, record);
    return undefined;
  });
}

/**
 * Return the record of the writer. A damaged record is ignored, so that it does not lock the store forever.
 */
function readOwner(db: StoreDatabase): Owner | undefined {
  try {
    return db.value<Owner>(KEY);
  } catch {
    return undefined;
  }
}

function renew(db: StoreDatabase, token: string): void {
  try {
    db.transaction(() => {
      const owner = db.value<Owner>(KEY);
      if (owner?.token === token) db.putValue(KEY, { ...owner, renewedMs: Date.now() });
    });
  } catch {} // a full disk: the writer reports it
}

function isAlive(owner: Owner): boolean {
  if (owner.scope !== scope()) return Math.abs(Date.now() - owner.renewedMs) < STALE_MS;
  if (startOf(process.pid) !== undefined) return startOf(owner.pid) === owner.start;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Return the start time of a process that has not ended, or undefined where there is none, or no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in parentheses, may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const hasEnded = fields[0] === 'Z' || fields[0] === 'X';
    return hasEnded ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Return the scope in which a process id is unique: the boot of the system and its PID namespace. */
function scope(): string {
  try {
    return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${fs.readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return os.hostname();
  }
}

function lostError(dir: string): PageferryError {
  return new PageferryError(
    'busy',
    `${dir}: another process has taken the lock, because this one did not renew it for ${STALE_MS / 1000} s ` +
      '(it was suspended, or a clock was changed): nothing more is stored; run the command again',
  );
}

function busyError(dir: string, { pid, host, action, since }: Owner, waitMs: number): PageferryError {
  const waited = waitMs > 0 ? ` after ${waitMs} ms of waiting` : '';
  return new PageferryError(
    'busy',
    `${dir}: process ${pid} on ${host} writes to this store (${action}, since ${since})${waited}; ` +
      'try again when it has ended, or wait with --wait SECONDS',
  );
}
