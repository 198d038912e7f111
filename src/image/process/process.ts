import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { extentIndex } from '../extents.js';
import { errnoOf } from '../fs/errno.js';
import { readHandle } from '../fs/read-handle.js';
import { isAnonymous, openPagemap } from './pagemap.js';
import { checkPid, explain, isMemory, openProc, type ProcessRegion, readRegions } from './proc.js';

export interface ProcessOptions {
  /** Which regions make the image; `isMemory` unless given. */
  readonly include?: (region: ProcessRegion) => boolean;
}

export interface ProcessSource extends PageSource {
  readonly bytes: number;
  /** In the image's order, which is that of their addresses; `position` is where they begin in the image. */
  readonly regions: readonly PlacedRegion[];
  /** Bytes that could not be read so far (behind a mapped file's end, a device's pages) and are zero in the image. */
  readonly skippedBytes: number;
  close(): void;
}

export interface PlacedRegion extends ProcessRegion {
  readonly position: number;
}

/** What cannot be read is skipped in steps of the smallest page there is. */
const FAULT_BYTES = 4096;

/**
 * The memory of a running process (Linux): its regions one after the other, by ascending address. It goes on running unless
 * someone stops it, so every page is as it is when read, and there is no `readAt`.
 * @throws PageferryError `io` when there is no such process or it may not be read, `unsupported` where there is no /proc
 */
export function openProcess(pid: number, options: ProcessOptions = {}): ProcessSource {
  checkPid(pid);
  const name = `pid ${pid}`;
  const regions = layOut(readRegions(pid).filter(options.include ?? isMemory));
  const last = regions.at(-1);
  if (!last)
    throw new PageferryError(
      'io',
      `${name}: has no memory to read (a kernel thread, a zombie, or nothing was included)`,
    );
  const bytes = last.position + last.bytes;
  const memory = readHandle(openProc(pid, 'mem'), name);
  const pagemap = openPagemap(pid);
  let next = 0;
  let skippedBytes = 0;

  const readMemory = async (into: Uint8Array, address: bigint) => {
    for (let done = 0; done < into.length; ) {
      try {
        const read = await memory.readOnce(into, done, address + BigInt(done));
        if (read === 0) throw new PageferryError('io', `${name}: ended while it was read`);
        done += read;
      } catch (cause) {
        if (errnoOf(cause) !== 'EIO' && errnoOf(cause) !== 'EFAULT')
          throw cause instanceof PageferryError ? cause : explain(pid, cause);
        const inPage = Number((address + BigInt(done)) % BigInt(FAULT_BYTES));
        const step = Math.min(FAULT_BYTES - inPage, into.length - done);
        into.fill(0, done, done + step);
        skippedBytes += step;
        done += step;
      }
    }
  };
  const readRegion = async (into: Uint8Array, region: PlacedRegion, within: number) => {
    const address = region.address + BigInt(within);
    if (!pagemap || !isAnonymous(region)) return readMemory(into, address);
    let done = 0;
    for (const piece of pagemap.pieces(address, into.length)) {
      const part = into.subarray(done, done + piece.bytes);
      if (piece.absent) part.fill(0);
      else await readMemory(part, address + BigInt(done));
      done += piece.bytes;
    }
  };
  return {
    name,
    bytes,
    regions,
    get skippedBytes() {
      return skippedBytes;
    },
    async read(into) {
      const wanted = Math.min(into.length, bytes - next);
      const from = next;
      next += wanted;
      for (let done = 0; done < wanted; ) {
        const region = regions[extentIndex(regions, from + done)]!;
        const within = from + done - region.position;
        const part = into.subarray(done, Math.min(wanted, done + region.bytes - within));
        await readRegion(part, region, within);
        done += part.length;
      }
      return wanted;
    },
    close() {
      memory.close();
      pagemap?.close();
    },
  };
}

function layOut(regions: ProcessRegion[]): PlacedRegion[] {
  let position = 0;
  return regions.map((region) => {
    const placed = { ...region, position };
    position += region.bytes;
    return placed;
  });
}
