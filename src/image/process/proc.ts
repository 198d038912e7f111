import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { errnoOf, ioError } from '../fs/errno.js';

/** One line of /proc/PID/maps: a stretch of a process's address space. */
export interface ProcessRegion {
  readonly address: bigint;
  readonly bytes: number;
  /** "rw-p": readable, writable, executable, private or shared. */
  readonly permissions: string;
  /** Where in `path` it begins. */
  readonly fileOffset: bigint;
  /** 0 for memory that belongs to no file. */
  readonly inode: number;
  /** A file, "[heap]" or the like, or "". */
  readonly path: string;
}

/** Shared anonymous memory shows as /dev/zero, and other memory too lives in files below /dev. */
const DEVICE = /^(\/dev\/(?!shm\/|zero|hugepages)|anon_inode:)/;
const PTRACE_SCOPE = '/proc/sys/kernel/yama/ptrace_scope';

/** Readable memory that is the process's own: not the kernel's clock pages, not a device's. */
export function isMemory(region: ProcessRegion): boolean {
  const { permissions, path } = region;
  return (
    permissions.startsWith('r') && !path.startsWith('[vvar') && path !== '[vsyscall]' && !DEVICE.test(path)
  );
}

/** @throws PageferryError `bad-argument`, or `unsupported` where there is no /proc */
export function checkPid(pid: number): void {
  if (!Number.isSafeInteger(pid) || pid < 1)
    throw new PageferryError('bad-argument', `expected a process id, got ${pid}`);
  if (process.platform !== 'linux')
    throw new PageferryError(
      'unsupported',
      `pid ${pid}: a process's memory can be read on Linux only, this is ${process.platform}`,
    );
}

/** @throws PageferryError `io` */
export function readRegions(pid: number): ProcessRegion[] {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/maps`, 'utf8');
  } catch (cause) {
    throw explain(pid, cause);
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseRegion(pid, line));
}

/** "55d0c8a00000-55d0c8a21000 rw-p 00000000 00:00 0    [heap]" */
function parseRegion(pid: number, line: string): ProcessRegion {
  const match = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ (\d+) *(.*)$/.exec(line);
  if (!match) throw new PageferryError('io', `pid ${pid}: cannot understand this line of its maps: ${line}`);
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

/** @throws PageferryError `io` */
export function openProc(pid: number, file: string): number {
  try {
    return fs.openSync(`/proc/${pid}/${file}`, 'r');
  } catch (cause) {
    throw explain(pid, cause);
  }
}

/** Says what a refusal means: the bare "EACCES" sends people looking in the wrong place. */
export function explain(pid: number, cause: unknown): PageferryError {
  const code = errnoOf(cause);
  const name = `pid ${pid}`;
  if (code === 'ENOENT' || code === 'ESRCH')
    return new PageferryError('io', `${name}: no such process: ${code}`, { cause });
  if (code !== 'EACCES' && code !== 'EPERM') return ioError(name, 'cannot read its memory', cause);
  const owner = `it belongs to another user or is protected; be its user or root`;
  return new PageferryError('io', `${name}: its memory may not be read: ${code}: ${owner}${ptraceHint()}`, {
    cause,
  });
}

function ptraceHint(): string {
  try {
    const scope = Number(fs.readFileSync(PTRACE_SCOPE, 'utf8'));
    const meaning = [undefined, 'only child processes may be read', 'only root may read', 'nobody may read'][
      scope
    ];
    return meaning ? ` (kernel.yama.ptrace_scope is ${scope}: ${meaning})` : '';
  } catch {
    return '';
  }
}
