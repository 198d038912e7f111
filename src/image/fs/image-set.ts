import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { ioError } from './errno.js';
import { createFileSink } from './file-sink.js';
import { type OutputTarget, outputTarget, unlikelyName } from './output.js';
import { createScratchSink } from './scratch-sink.js';

/** Where the images of a stream go: one is PATH itself, several make PATH a folder of 000.raw, 001.raw, … */
export interface ImageSet {
  open(number: number): PageSink;
  /** All images are finished: gives them their names. @throws PageferryError `io` */
  settle(count: number): void;
  /** Leaves nothing behind that has no name yet. */
  discard(): void;
}

/** How the images of a folder are called: 000.raw, 001.raw, … */
function imageFileName(number: number): string {
  return `${String(number).padStart(3, '0')}.raw`;
}

/**
 * Collects images in a folder until it is known how many there are: in `path` where that is a folder already, which then takes
 * them all, else beside it. A pipe or device takes one image, straight.
 * @throws PageferryError `io` when `path` cannot take images
 */
export function createImageSet(path: string): ImageSet {
  if (isFolder(path)) return folderSet(path);
  const target = outputTarget(path);
  return target.kind === 'file' ? newSet(target) : straightSet(path, target.name);
}

function isFolder(path: string): boolean {
  try {
    return path !== '-' && fs.statSync(path).isDirectory();
  } catch {
    return false; // what is wrong with it is for the one to say who opens it
  }
}

/** A file or folder that comes to be, or a file that is replaced. */
function newSet({ path, name, mode }: OutputTarget): ImageSet {
  const { folder, image, discard } = partialFolder(dirname(path), basename(path), name);
  return {
    open(number) {
      if (number > 0 && mode !== undefined)
        throw new PageferryError(
          'io',
          `${name}: is a file, the stream has several images: they need a folder`,
        );
      return createFileSink(image(number), mode === undefined ? {} : { mode });
    },
    settle(count) {
      try {
        if (count === 1 && mode !== undefined) fs.chmodSync(image(0), mode);
        fs.renameSync(count === 1 ? image(0) : folder, path);
      } catch (cause) {
        throw ioError(
          name,
          count === 1 ? 'cannot put the image there' : `cannot put ${count} images there`,
          cause,
        );
      } finally {
        discard();
      }
    },
    discard,
  };
}

/** A folder that exists: of what it has, only images of the same names are replaced. */
function folderSet(path: string): ImageSet {
  const { image, discard } = partialFolder(path, 'images', path);
  return {
    open: (number) => createFileSink(image(number)),
    settle(count) {
      const names = Array.from({ length: count }, (_, number) => imageFileName(number));
      try {
        // All or none, as far as can be known before.
        const taken = names.find((name) => isFolder(join(path, name)));
        if (taken !== undefined)
          throw new PageferryError('io', `${join(path, taken)}: is a directory, not a file to write`);
        names.forEach((name, number) => {
          fs.renameSync(image(number), join(path, name));
        });
      } catch (cause) {
        throw cause instanceof PageferryError
          ? cause
          : ioError(path, `cannot put ${count} images there`, cause);
      } finally {
        discard();
      }
    },
    discard,
  };
}

function partialFolder(parent: string, name: string, what: string) {
  const folder = join(parent, `.${name}.partial-${unlikelyName()}`);
  try {
    fs.mkdirSync(folder);
  } catch (cause) {
    throw ioError(what, 'cannot create', cause);
  }
  return {
    folder,
    image: (number: number) => join(folder, imageFileName(number)),
    discard: () => fs.rmSync(folder, { recursive: true, force: true }),
  };
}

function straightSet(path: string, name: string): ImageSet {
  return {
    open(number) {
      if (number > 0)
        throw new PageferryError(
          'io',
          `${name}: takes one image, the stream has several; unpack one with --image N`,
        );
      return createReadableSink(path);
    },
    settle() {},
    discard() {},
  };
}

/** A sink for one image of which pages can be read back, also where the path itself cannot: what goes down a pipe is kept aside. */
export function createReadableSink(path: string): PageSink {
  const sink = createFileSink(path);
  return outputTarget(path).kind === 'stream' ? rememberingSink(sink) : sink;
}

function rememberingSink(sink: PageSink): PageSink {
  const memory = createScratchSink();
  return {
    write(bytes, position) {
      sink.write(bytes, position);
      memory.write(bytes, position);
    },
    zero(position, bytes) {
      sink.zero(position, bytes);
      memory.zero(position, bytes);
    },
    readAt: memory.readAt,
    async finish(bytes) {
      memory.abort();
      await sink.finish(bytes);
    },
    abort() {
      memory.abort();
      sink.abort();
    },
  };
}
