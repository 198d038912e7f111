// Attaches a FUSE device to a path and detaches it, with mount(8) and umount(8): Node has no mount(2).
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { errnoOf, ioError } from '../../image/fs/errno.js';
import { badArgument, PageferryError } from '../../page/error.js';
import { mountedAt } from './mount-table.js';
import { MAX_READ, S_IFDIR, S_IFREG } from './protocol.js';

const DEVICE = '/dev/fuse';
const COMMAND_MS = 30_000;
/** Attempts of umount(8): a signal to the process group (Ctrl-C) can end it before it has its own group. */
const UMOUNT_ATTEMPTS = 3;
/** A process group of its own: Ctrl-C must not end mount(8) and umount(8). Node's types lack the option. */
const OWN_GROUP = { detached: true };
/** Descriptor of the device in the process of mount(8). */
const CHILD_FD = 3;

/** Check that a path can be mounted on. Return whether it is a directory. @throws PageferryError */
export function checkMountPoint(path: string): { readonly isDirectory: boolean } {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(path);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOTCONN')
      throw new PageferryError(
        'io',
        `${path}: the program that served this mount has ended; remove the mount first: umount ${path}`,
        { cause },
      );
    if (errnoOf(cause) === 'ENOENT')
      throw new PageferryError(
        'io',
        `${path}: does not exist; create a directory (mkdir) or an empty file (touch) to mount on`,
        { cause },
      );
    throw ioError(path, 'cannot mount', cause);
  }
  if (!stat.isDirectory() && !stat.isFile())
    throw badArgument(`${path}: is neither a directory nor a file to mount on`);
  const mounted = mountedAt(path);
  if (mounted !== undefined)
    throw badArgument(
      `${path}: ${mounted} is mounted here already; unmount it first (umount ${path}), or name another path`,
    );
  return { isDirectory: stat.isDirectory() };
}

/** Open the FUSE device. @throws PageferryError `unsupported` without the right or the module */
export function openDevice(): number {
  try {
    return fs.openSync(DEVICE, 'r+');
  } catch (cause) {
    const errno = errnoOf(cause);
    const remedy =
      errno === 'EACCES' || errno === 'EPERM'
        ? `mounting needs root (sudo), and in a container ${DEVICE} and CAP_SYS_ADMIN`
        : `this system has no FUSE: load it (modprobe fuse) or give the container ${DEVICE}`;
    throw new PageferryError('unsupported', `${DEVICE}: cannot open (${errno}): ${remedy}; ${NO_MOUNT}`, {
      cause,
    });
  }
}

/** Remedy where nothing can be mounted. */
const NO_MOUNT = 'without it, "pageferry serve --nbd" exports the same images';

/**
 * Mount the device on a path, with `source` in the table of mounts. `isWritable`: files can be opened for
 * writing.
 * @throws PageferryError
 */
export function attach(
  device: number,
  path: string,
  source: string,
  { isDirectory, isWritable }: { readonly isDirectory: boolean; readonly isWritable: boolean },
): void {
  const rootMode = (isDirectory ? S_IFDIR : S_IFREG).toString(8);
  const options = [
    `fd=${CHILD_FD},rootmode=${rootMode},user_id=${process.getuid!()},group_id=${process.getgid!()}`,
    `allow_other,default_permissions,max_read=${MAX_READ},${isWritable ? 'rw' : 'ro'},nosuid,nodev`,
  ].join(',');
  const { error, status, stderr } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, source, path], {
    stdio: ['ignore', 'ignore', 'pipe', device],
    ...OWN_GROUP,
    timeout: COMMAND_MS,
    encoding: 'utf8',
  });
  if (error) throw ioError(path, 'cannot run mount', error);
  if (status === 0) return;
  const reason = stderr.trim().replaceAll(/\s*\n\s*/g, '; ');
  const remedy =
    process.getuid!() === 0 ? 'in a container, mounting needs CAP_SYS_ADMIN' : 'mounting needs root (sudo)';
  throw new PageferryError('io', `${path}: cannot mount: ${reason}; ${remedy}; ${NO_MOUNT}`);
}

/** Detach a mount. Open files of it can be read until they are closed. Returns the reason if it fails. */
export function detach(path: string): string | undefined {
  return umount(['-l', path]);
}

/** Detach a mount and end all reads of its open files with an error. */
export function abortMount(path: string): void {
  umount(['-f', '-l', path]);
}

function umount(argv: readonly string[]): string | undefined {
  let reason: string | undefined;
  for (let attempt = 0; attempt < UMOUNT_ATTEMPTS; attempt++) {
    const { error, status, signal, stderr } = spawnSync('umount', ['-i', ...argv], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...OWN_GROUP,
      timeout: COMMAND_MS,
      encoding: 'utf8',
    });
    if (status === 0) return undefined;
    reason = error?.message ?? (stderr.trim() || `umount was ended by ${signal}`);
    if (error || signal === null) break;
  }
  return reason;
}
