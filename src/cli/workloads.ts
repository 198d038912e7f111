import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { traceImages } from '../image/directory.js';
import { openImage } from '../image/formats.js';
import { captureProcess } from '../image/process/capture.js';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { onInterrupt } from './interrupt.js';

/** What the trade-off is measured on: images that can be read again and again. */
export interface Workload {
  readonly name: string;
  /** The files that it is made of. */
  readonly files: readonly string[];
  open(): readonly PageSource[];
  close(): void;
}

/** An image, or the images of a trace. @throws PageferryError when it cannot be read, or only once */
export function fileWorkload(path: string): Workload {
  const folder = fs.statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return workloadOf(path, folder ? traceImages(path) : [path]);
}

function workloadOf(name: string, files: readonly string[]): Workload {
  const opened = new Set<PageSource>();
  const close = () => {
    for (const source of opened) source.close?.();
    opened.clear();
  };
  const open = () =>
    files.map((file) => {
      const source = openImage(file);
      opened.add(source);
      if (source.readAt) return source;
      throw new PageferryError(
        'io',
        `${file}: can be read only once, and is to be read many times: expected a file`,
      );
    });
  // What cannot be read is to be known before the first minute of measuring, not after.
  try {
    open();
  } finally {
    close();
  }
  return { name, files, open, close };
}

/**
 * The memory of this very process, as it is now (Linux): a workload that is at hand everywhere.
 * @throws PageferryError `unsupported` on other systems
 */
export async function ownMemory(): Promise<Workload> {
  if (process.platform !== 'linux')
    throw new PageferryError(
      'unsupported',
      `tradeoff: without an IMAGE it takes this process's own memory, which can be read on Linux only; this is ${process.platform}`,
    );
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-'));
  const remove = () => fs.rmSync(folder, { recursive: true, force: true });
  const forget = onInterrupt(remove);
  const discard = () => {
    forget();
    remove();
  };
  try {
    const file = join(folder, 'memory.core');
    await captureProcess(process.pid, file);
    const name = 'this process';
    const workload = workloadOf(name, [file]);
    return {
      ...workload,
      open: () => workload.open().map((source) => named(source, name)),
      close() {
        workload.close();
        discard();
      },
    };
  } catch (error) {
    discard();
    throw error;
  }
}

/** Under another name than its file's, which nobody has to know. */
function named({ bytes, read, readAt }: PageSource, name: string): PageSource {
  return { name, read, ...(bytes !== undefined && { bytes }), ...(readAt && { readAt }) };
}
