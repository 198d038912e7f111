import { join } from 'node:path';
import { directoryFormat } from '../image/directory-formats.js';
import { isDirectory } from '../image/fs/is-directory.js';
import { createTemporaryFolder } from '../image/fs/temporary-folder.js';
import { captureProcess } from '../image/process/capture.js';
import { traceImages } from '../image/trace-folder.js';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { openInput } from './open-input.js';
import { printErrorLine } from './terminal.js';

/** Images that are measured together and read several times. */
export interface Workload {
  readonly name: string;
  readonly files: readonly string[];
  open(): Promise<readonly PageSource[]>;
  close(): void;
}

/** One image, or the images of a directory. @throws PageferryError for what cannot be read, or only once */
export async function fileWorkload(
  path: string,
  format: string | undefined,
  signal: AbortSignal,
): Promise<Workload> {
  const isTrace = isDirectory(path) && !directoryFormat(path, format);
  const files = isTrace ? traceImages(path, { onSkip: warnSkipped(path) }) : [path];
  return await workloadOf(path, files, format, signal);
}

/** The error for an image without a page, of which nothing can be measured. */
export function noPagesError(file: string): PageferryError {
  return new PageferryError('bad-image', `${file}: has no pages; name an image that is not empty`);
}

/** Check that an image that can be read repeatedly has a page. @throws PageferryError `bad-image` */
export function checkHasPages(source: PageSource, file: string): void {
  // A file of /proc states 0 bytes: only reading shows whether it is empty.
  if (source.readAt?.(new Uint8Array(1), 0) === 0) throw noPagesError(file);
}

/** Print which entry of a directory is not measured, and why. */
export function warnSkipped(directory: string): (name: string, reason: string) => void {
  return (name, reason) => printErrorLine(`pageferry: note: ${join(directory, name)}: skipped: ${reason}`);
}

async function workloadOf(
  name: string,
  files: readonly string[],
  format: string | undefined,
  signal: AbortSignal,
): Promise<Workload> {
  const opened = new Set<PageSource>();
  const close = () => {
    for (const source of opened) source.close?.();
    opened.clear();
  };
  const open = async () => {
    const sources: PageSource[] = [];
    for (const file of files) {
      const source = await openInput(file, format, signal);
      opened.add(source);
      if (!source.readAt)
        throw new PageferryError('io', `${file}: can be read only once; measuring needs a regular file`);
      sources.push(source);
    }
    return sources;
  };
  // Report an unreadable file before minutes of measuring, not after.
  try {
    for (const [i, source] of (await open()).entries()) checkHasPages(source, files[i]!);
  } finally {
    close();
  }
  return { name, files, open, close };
}

/**
 * The current memory of this process (Linux): a workload without a file.
 * @throws PageferryError `unsupported` on other systems
 */
export async function ownMemory(signal: AbortSignal): Promise<Workload> {
  if (process.platform !== 'linux')
    throw new PageferryError(
      'unsupported',
      `tradeoff: the memory of this process can be read on Linux only, not on ${process.platform}; name an IMAGE`,
    );
  const folder = createTemporaryFolder();
  try {
    const file = join(folder.path, 'memory.core');
    await captureProcess(process.pid, file, { signal });
    const name = 'this process';
    const workload = await workloadOf(name, [file], undefined, signal);
    return {
      ...workload,
      open: async () => (await workload.open()).map((source) => withName(source, name)),
      close() {
        workload.close();
        folder.remove();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

/** The source under a name that means something to the reader of a report. */
function withName(source: PageSource, name: string): PageSource {
  const { bytes, read, readAt, skipZeros } = source;
  return {
    name,
    read: read.bind(source),
    ...(bytes !== undefined && { bytes }),
    ...(readAt && { readAt: readAt.bind(source) }),
    ...(skipZeros && { skipZeros: skipZeros.bind(source) }),
  };
}
