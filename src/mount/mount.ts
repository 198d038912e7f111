import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { badArgument, PageferryError } from '../page/error.js';
import { type MountedImage, matchImages, type Trace } from '../store/trace.js';
import { abortMount, attach, checkMountPoint, detach, openDevice } from './fuse/mount-point.js';
import { mountSource } from './fuse/mount-table.js';
import type { FileAttributes } from './fuse/nodes.js';
import { mountedName } from './image-names.js';
import type { MountMessage, MountReport, WorkerRequest, WorkerSetup } from './messages.js';
import { prefetch } from './prefetch.js';
import { permissionFile, readSpecification } from './specification.js';

/** Module of the serving thread, built beside this module. */
const WORKER = new URL('./mount-worker.js', import.meta.url);

/** Options of {@link mount}. Every field has a default. */
export interface MountOptions {
  /** Paths of base images that a stream refers to. */
  readonly bases?: readonly string[];
  /** Path of the key file of an encrypted store. */
  readonly keyFile?: string | undefined;
  /** Record which pages are read, as the trace of the report. Disables the kernel's read-ahead. */
  readonly isRecording?: boolean;
  /**
   * Allow files to be opened for writing, which QEMU before 8.2 does for a private mapping too. Writes
   * fail; a shared mapping that is written to would show its changes to other processes.
   */
  readonly allowsWriteOpen?: boolean;
  /** Read these pages ahead, in this order, once the images are mounted. */
  readonly prefetch?: Trace;
  /** Called with a line for each failure of a read; equal failures are reported once. */
  readonly onLog?: (line: string) => void;
}

/** Images that are mounted. */
export interface Mount {
  /** Absolute path. */
  readonly path: string;
  readonly isDirectory: boolean;
  readonly images: readonly MountedImage[];
  /** Resolves when the mount has ended; rejects if serving failed. */
  readonly ended: Promise<MountReport>;
  /**
   * Resolves with the bytes read when `prefetch` is done or the mount is detached; rejects if a read failed.
   */
  readonly prefetched: Promise<number>;
  /**
   * Detach the mount. Files of it that are open are served until they are closed; then `ended` resolves.
   * @throws PageferryError `io`
   */
  unmount(): void;
  /** Detach the mount; reads of files that are open fail from now on. */
  abort(): void;
}

/**
 * Mount images at `path`: all as files of a directory, or one over an existing file. A thread serves them.
 * @throws PageferryError `unsupported` without FUSE, `io`, `bad-argument`; what opening the images throws
 */
export async function mount(specification: string, path: string, options: MountOptions = {}): Promise<Mount> {
  const {
    bases = [],
    isRecording = false,
    allowsWriteOpen = false,
    prefetch: trace,
    onLog = () => {},
  } = options;
  const { isDirectory } = checkMountPoint(path);
  const attributes = attributesOf(specification, allowsWriteOpen);
  const thread = new ServingThread({ specification, bases, keyFile: options.keyFile }, onLog);
  let device: number | undefined;
  try {
    const images = await thread.opened;
    const chosen = isDirectory ? undefined : onlyImage(specification, path, images);
    const numbers = trace && matchImages(trace, images);
    device = openDevice();
    // Another program may have mounted there while the images were opened.
    checkMountPoint(path);
    attach(device, path, mountSource(specification), { isDirectory, isWritable: allowsWriteOpen });
    thread.serve({ device, isDirectory, chosen, attributes, isRecording, allowsWriteOpen });
    const mounted = createMount(resolve(path), isDirectory, images, thread, device);
    return trace ? prefetching(mounted, trace, numbers!) : mounted;
  } catch (error) {
    if (device !== undefined) fs.closeSync(device);
    await thread.stop();
    throw error;
  }
}

function createMount(
  path: string,
  isDirectory: boolean,
  images: readonly MountedImage[],
  thread: ServingThread,
  device: number,
): Mount {
  const ended = thread.ended.finally(() => fs.closeSync(device));
  // The caller may ask for it later; until then a failure is not unhandled.
  ended.catch(() => {});
  // A failed thread answers no read: end the reads that wait for it.
  thread.ended.catch(() => abortMount(path));
  return {
    path,
    isDirectory,
    images,
    ended,
    prefetched: Promise.resolve(0),
    unmount() {
      const reason = detach(path);
      if (reason !== undefined && thread.isServing)
        throw new PageferryError('io', `${path}: cannot unmount: ${reason}`);
    },
    abort: () => abortMount(path),
  };
}

/** Start reading a trace's pages ahead; detaching the mount ends it. */
function prefetching(mounted: Mount, trace: Trace, numbers: readonly number[]): Mount {
  const { path, isDirectory, images } = mounted;
  const stopping = new AbortController();
  const fileOf = (number: number) => (isDirectory ? join(path, mountedName(images[number]!.name)) : path);
  const prefetched = prefetch(trace, numbers, fileOf, stopping.signal);
  prefetched.catch(() => {});
  return {
    ...mounted,
    prefetched,
    unmount() {
      stopping.abort();
      mounted.unmount();
    },
    abort() {
      stopping.abort();
      mounted.abort();
    },
  };
}

/** The thread that serves a mount, and what it has reported. */
class ServingThread {
  private readonly worker: Worker;
  readonly opened: Promise<readonly MountedImage[]>;
  readonly ended: Promise<MountReport>;
  isServing = true;

  constructor(setup: WorkerSetup, onLog: (line: string) => void) {
    const worker = new Worker(WORKER, { workerData: setup });
    this.worker = worker;
    const opened = new Settled<readonly MountedImage[]>();
    const ended = new Settled<MountReport>();
    const fail = (error: unknown) => {
      opened.reject(error);
      ended.reject(error);
    };
    worker.on('message', (message: MountMessage) => {
      if (message.kind === 'log') onLog(message.line);
      if (message.kind === 'opened') opened.resolve(message.images);
      if (message.kind === 'ended') ended.resolve(message.report);
      if (message.kind === 'failed') fail(new PageferryError(message.code, message.message));
    });
    worker.once('error', fail);
    // Often in the same turn of the event loop as the last message, which has settled the promises already.
    worker.once('exit', (code) =>
      fail(new PageferryError('io', `${setup.specification}: the serving thread ended with code ${code}`)),
    );
    this.opened = opened.promise;
    this.ended = ended.promise.finally(() => {
      this.isServing = false;
    });
    this.opened.catch(() => {});
    this.ended.catch(() => {});
  }

  serve(request: WorkerRequest): void {
    this.worker.postMessage(request);
  }

  /** Terminate a thread that does not serve yet. */
  async stop(): Promise<void> {
    await this.worker.terminate();
  }
}

/** A promise that is settled by calls; the first one counts. */
class Settled<T> {
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/**
 * Return the number of the only image, to mount over a file. @throws PageferryError `bad-argument` if there
 * are more
 */
function onlyImage(specification: string, path: string, images: readonly MountedImage[]): number {
  if (images.length === 1) return 0;
  throw badArgument(
    `${path}: is a file, and ${specification} has ${images.length} images; name a directory to mount them in`,
  );
}

/** Return owner and permissions of the mount: those to read the packed file, or the store's store.json. */
function attributesOf(specification: string, isWritable: boolean): FileAttributes {
  const file = permissionFile(readSpecification(specification));
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (!stat) return { ...owner, mode: 0o400, seconds: Math.floor(Date.now() / 1000) };
  const { uid, gid, mtimeMs } = stat;
  const mode = stat.mode & 0o444;
  return {
    uid,
    gid,
    mode: isWritable ? mode | (mode >>> 1) : mode,
    seconds: Math.max(0, Math.floor(mtimeMs / 1000)),
  };
}
