import fs from 'node:fs';
import { createContainerSource } from './container/container-source.js';
import { createExtentSource } from './extents.js';
import { FileLifeCycle } from './file-life-cycle.js';
import { ioError } from './fs/errno.js';
import { OpenFile } from './fs/open-file.js';
import { openPipeReader, type PipeReader } from './fs/pipe-reader.js';
import { createReadHandle, type ReadHandle } from './fs/read-handle.js';
import { type FileSource, type ImageFile, type ImageFormat, openImageFile, statInput } from './image-file.js';
import { openHoles } from './sparse/holes.js';

/**
 * Raw guest memory: the file's bytes are the image's bytes, and holes are zeros, which are not read. Every
 * file is of this format. The container of a sparse file says where its data is, since pages of zeros that
 * were written are data to a program that merges snapshots.
 */
export const raw: ImageFormat = {
  name: 'raw',
  extension: 'raw',
  summary: 'plain memory, byte by byte',
  detect: () => true,
  open: openRaw,
};

function openRaw(file: ImageFile): FileSource {
  const { bytes, handle } = file;
  const whole = [{ position: 0, bytes, offset: 0 }];
  const holes = openHoles(file);
  const source = createExtentSource(handle, whole, holes?.bytesAt);
  if (!holes) return source;
  return {
    ...source,
    note: holes.note,
    get container() {
      const runs = holes.dataRuns();
      return (
        runs &&
        createContainerSource(handle, {
          format: raw.name,
          fileBytes: bytes,
          imageBytes: bytes,
          runs,
          ranges: [],
          isSparse: true,
        })
      );
    },
  };
}

/**
 * Open a path as raw bytes. A regular file or block device has the size that it had when it was opened, and
 * can be read at any position. A pipe, a terminal, a file of /proc or "-" (standard input) is read in order
 * and has no `bytes`; a named pipe is opened by the first read, which waits for its writer without blocking
 * the event loop.
 * @throws PageferryError `io` if it cannot be opened
 */
export function openFileSource(path: string): FileSource {
  const file = openSeekable(path);
  return file ? openRaw(file) : openSequential(path);
}

/** Open a path that can be read at any position; undefined for any other. @throws PageferryError `io` */
export function openSeekable(path: string): ImageFile | undefined {
  if (path === '-') return undefined;
  const stat = statInput(path);
  return stat.isFile() || stat.isBlockDevice() ? openImageFile(path) : undefined;
}

/** Open a path that can only be read in order. Standard input is read ahead if it is a pipe. */
export function openSequential(path: string): FileSource {
  const name = path === '-' ? 'standard input' : path;
  if (path !== '-') return sequentialSource(name, () => openLater(path));
  return sequentialSource(name, async () => stdinReader(name), openPipeReader(0, name));
}

/** Reads that are in order; `close` releases what was opened. */
type SequentialReader = Pick<PipeReader, 'read' | 'close'>;

/** `opened`: a reader that is open already; else the first read calls `open`. */
function sequentialSource(
  name: string,
  open: () => Promise<SequentialReader>,
  opened?: SequentialReader,
): FileSource {
  const life = new FileLifeCycle(name);
  let reader = opened && Promise.resolve(opened);
  return {
    name,
    async read(into) {
      life.check();
      reader ??= open();
      try {
        return await (await reader).read(into);
      } catch (cause) {
        return life.fail(cause);
      }
    },
    close() {
      if (!life.endBy('close')) return;
      reader?.then(
        ({ close }) => close(),
        () => {}, // `read` has reported that it cannot be opened
      );
    },
  };
}

/** Standard input belongs to the program and stays open. */
function stdinReader(name: string): SequentialReader {
  return inOrder(createReadHandle(OpenFile.borrow(name, 0)));
}

function openLater(path: string): Promise<SequentialReader> {
  return new Promise((resolve, reject) => {
    fs.open(path, 'r', (cause, fd) => {
      if (cause) reject(ioError(path, 'cannot open', cause));
      else resolve(inOrder(createReadHandle(OpenFile.ofDescriptor(path, fd))));
    });
  });
}

function inOrder(handle: ReadHandle): SequentialReader {
  return { read: (into) => handle.read(into, null), close: handle.close };
}
