import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { FileLifeCycle } from '../file-life-cycle.js';
import { checkPosition, errnoOf } from './errno.js';
import type { ReadHandle } from './read-handle.js';
import { openUnnamedFile } from './unnamed-file.js';
import { writeAllSync } from './write.js';

/** Size of the slots that images are stored in. A slot without written bytes takes no space. */
const SLOT_BYTES = 1 << 20;
const NO_SLOT = -1;

/** The unnamed file that all scratch sinks share, so that thousands of images need one descriptor. */
interface ScratchFile {
  readonly reader: ReadHandle;
  readonly fd: number;
  slots: number;
  sinks: number;
}

let shared: ScratchFile | undefined;

/** Return whether images of `imageBytes` bytes take at most half of the temporary directory's free space. */
export function scratchHasSpace(imageBytes: number): boolean {
  try {
    const { bavail, bsize } = fs.statfsSync(tmpdir());
    return imageBytes <= (bavail * bsize) / 2;
  } catch {
    return false;
  }
}

/**
 * Create a sink that stores an image while later pages can refer to it, in an unnamed file of the temporary
 * directory. The system removes the file after the last sink is closed or the program ends.
 * @throws PageferryError `io` if the temporary directory cannot be written
 */
export function createScratchSink(): PageSink {
  shared ??= openScratchFile();
  const scratch = shared;
  scratch.sinks++;
  const { name } = scratch.reader;
  const life = new FileLifeCycle(name);
  /** By slot of the image: slot of the file, or NO_SLOT. */
  const slots: number[] = [];
  let end = 0;

  const check = (position: number) => {
    life.check();
    checkPosition(name, position);
  };
  const write = (bytes: Uint8Array, position: number) => {
    try {
      writeAllSync(scratch.fd, name, bytes, position);
    } catch (cause) {
      const isFull = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(errnoOf((cause as Error).cause) ?? '');
      const remedy = `; set TMPDIR to a directory with ${end} bytes of free space or more`;
      life.fail(isFull ? new PageferryError('io', `${(cause as Error).message}${remedy}`, { cause }) : cause);
    }
  };
  const close = (how: 'finish' | 'abort') => {
    if (!life.endBy(how)) return;
    slots.length = 0;
    if (--scratch.sinks > 0) return;
    if (shared === scratch) shared = undefined;
    scratch.reader.close();
  };
  return {
    write(bytes, position) {
      check(position);
      end = Math.max(end, position + bytes.length);
      forEachSlot(position, bytes.length, (slot, within, from, to) => {
        while (slots.length <= slot) slots.push(NO_SLOT);
        if (slots[slot] === NO_SLOT) slots[slot] = scratch.slots++;
        write(bytes.subarray(from, to), slots[slot]! * SLOT_BYTES + within);
      });
    },
    zero(position, bytes) {
      check(position);
      end = Math.max(end, position + bytes);
    },
    readAt(into, position) {
      check(position);
      const bytes = Math.max(0, Math.min(into.length, end - position));
      forEachSlot(position, bytes, (slot, within, from, to) => {
        const stored = slots[slot] ?? NO_SLOT;
        const part = into.subarray(from, to);
        const read = stored === NO_SLOT ? 0 : scratch.reader.readSync(part, stored * SLOT_BYTES + within);
        part.fill(0, read);
      });
      return bytes;
    },
    finish: () => close('finish'),
    abort: () => close('abort'),
  };
}

/**
 * Divide `bytes` bytes at `position` of an image by slots. `visit` gets the slot of the image, the offset in
 * it, and the range of the bytes.
 */
function forEachSlot(
  position: number,
  bytes: number,
  visit: (slot: number, within: number, from: number, to: number) => void,
): void {
  for (let from = 0; from < bytes; ) {
    const slot = Math.floor((position + from) / SLOT_BYTES);
    const within = (position + from) % SLOT_BYTES;
    const to = Math.min(bytes, from + SLOT_BYTES - within);
    visit(slot, within, from, to);
    from = to;
  }
}

function openScratchFile(): ScratchFile {
  return { ...openUnnamedFile(), slots: 0, sinks: 0 };
}
