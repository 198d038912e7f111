import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PageferryError } from '../page/error.js';
import type { PageSink } from '../page/source.js';
import { ioError } from './fault.js';
import { createFileSink } from './file-sink.js';

/** Where the images of a stream go: one is PATH itself, several make PATH a folder of 000.raw, 001.raw, … */
export interface ImageSet {
  open(number: number): PageSink;
  /** All images are finished: gives them their names. @throws PageferryError `io`; nothing is left behind then */
  settle(count: number): void;
  /** Leaves nothing behind. */
  discard(): void;
}

/** How the images of a folder are called: 000.raw, 001.raw, … */
function imageFileName(number: number): string {
  return `${String(number).padStart(3, '0')}.raw`;
}

/**
 * Collects images in a folder beside `path` until it is known how many there are. A pipe or device takes one image, straight.
 * @throws PageferryError `io` when `path` cannot take images
 */
export function createImageSet(path: string): ImageSet {
  const found = path === '-' ? undefined : fs.statSync(path, { throwIfNoEntry: false });
  if (path === '-' || (found && !found.isFile() && !found.isDirectory())) return straightSet(path);
  const folder = join(dirname(path), `.${basename(path)}.partial-${process.pid}`);
  try {
    fs.mkdirSync(folder);
  } catch (cause) {
    throw ioError(path, 'cannot write beside it', cause);
  }
  const discard = () => fs.rmSync(folder, { recursive: true, force: true });
  return {
    open: (number) => createFileSink(join(folder, imageFileName(number))),
    settle(count) {
      try {
        if (count === 1) fs.renameSync(join(folder, imageFileName(0)), path);
        else if (found?.isDirectory()) {
          for (let i = 0; i < count; i++) fs.renameSync(join(folder, imageFileName(i)), join(path, imageFileName(i)));
        } else if (count > 1) fs.renameSync(folder, path);
      } catch (cause) {
        throw ioError(path, count === 1 ? 'cannot put the image there' : `cannot put ${count} images there`, cause);
      } finally {
        discard();
      }
    },
    discard,
  };
}

function straightSet(path: string): ImageSet {
  return {
    open(number) {
      if (number > 0) throw new PageferryError('io', `${path}: takes one image, the stream has several; unpack one with --image N`);
      return createFileSink(path);
    },
    settle() {},
    discard() {},
  };
}
