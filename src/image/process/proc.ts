import fs from 'node:fs';
import { badArgument, PageferryError } from '../../page/error.js';
import { errnoOf, ioError } from '../fs/errno.js';

/** One line of /proc/PID/maps: a range of a process's address space. */
export interface ProcessRegion {
  readonly address: bigint;
  readonly bytes: number;
  /** Such as "rw-p": readable, writable, executable, private or shared. */
  readonly permissions: string;
  /** Offset in `path` where the region begins. */
  readonly fileOffset: bigint;
  /** Inode of the file, 0 for memory without a file. */
  readonly inode: number;
  /** A file's path, a name such as "[heap]", or "". */
  readonly path: string;
}

/** Devices. Shared anonymous memory appears as /dev/zero, and other memory is in files below /dev too. */
const DEVICE = /^(\/dev\/(?!shm\/|zero|hugepages)|anon_inode:)/;
const PTRACE_SCOPE = '/proc/sys/kernel/yama/ptrace_scope';

/** Whether a region is readable memory of the process: not the kernel's clock pages, not a device's. */
export function isMemory(region: ProcessRegion): boolean {
  const { permissions, path } = region;
  return (
    permissions.startsWith('r') && !path.startsWith('[vvar') && path !== '[vsyscall]' && !DEVICE.test(path)
  );
}

/** @throws PageferryError `bad-argument`; `unsupported` without /proc */
export function checkPid(pid: number): void {
  if (!Number.isSafeInteger(pid) || pid < 1) throw badArgument(`expected a process id, got ${pid}`);
  if (process.platform !== 'linux')
    throw new PageferryError(
      'unsupported',
      `pid ${pid}: a process's memory can only be read on Linux; this is ${process.platform}`,
    );
}

/** Read the regions of a process by ascending address. @throws PageferryError `io` */
export function readRegions(pid: number): ProcessRegion[] {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/maps`, 'utf8');
  } catch (cause) {
    throw processError(pid, cause);
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseRegion(pid, line));
}

/** Parse a line such as "55d0c8a00000-55d0c8a21000 rw-p 00000000 00:00 0    [heap]". */
function parseRegion(pid: number, line: string): ProcessRegion {
  const match = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ (\d+) *(.*)$/.exec(line);
  if (!match)
    throw new PageferryError('io', `pid ${pid}: cannot parse this line of /proc/${pid}/maps: ${line}`);
  const [, start, end, permissions, offset, inode, path] = match as unknown as string[];
  const address = BigInt(`0x${start}`);
  return {
    address,
    bytes: Number(BigInt(`0x${end}`) - address),
    permissions: permissions!,
    fileOffset: BigInt(`0x${offset}`),
    inode: Number(inode),
    path: path!,
  };
}

/** Open a file of /proc/PID. @throws PageferryError `io` */
export function openProc(pid: number, file: string): number {
  try {
    return fs.openSync(`/proc/${pid}/${file}`, 'r');
  } catch (cause) {
    throw processError(pid, cause);
  }
}

/** The error of a failed access to a process, with what a bare "EACCES" means here. */
export function processError(pid: number, cause: unknown): PageferryError {
  const code = errnoOf(cause);
  const name = `pid ${pid}`;
  if (code === 'ENOENT' || code === 'ESRCH')
    return new PageferryError('io', `${name}: no such process: ${code}`, { cause });
  if (code !== 'EACCES' && code !== 'EPERM') return ioError(name, 'cannot read its memory', cause);
  const reason = `it belongs to another user or is protected; run as its user or root${ptraceHint()}`;
  return new PageferryError('io', `${name}: its memory may not be read: ${code}: ${reason}`, { cause });
}

function ptraceHint(): string {
  try {
    const scope = Number(fs.readFileSync(PTRACE_SCOPE, 'utf8'));
    const meaning = [
      undefined,
      'only child processes may be read',
      'only root may read',
      'no process may be read',
    ][scope];
    return meaning ? ` (kernel.yama.ptrace_scope is ${scope}: ${meaning})` : '';
  } catch {
    return '';
  }
}
