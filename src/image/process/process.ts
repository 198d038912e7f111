import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import { extentIndex, SKIP_BYTES } from '../extents.js';
import { FileLifeCycle } from '../file-life-cycle.js';
import { errnoOf } from '../fs/errno.js';
import { OpenFile } from '../fs/open-file.js';
import { createReadHandle, type ReadHandle } from '../fs/read-handle.js';
import { isAnonymous, openPagemap, type Pagemap } from './pagemap.js';
import { checkPid, isMemory, openProc, type ProcessRegion, processError, readRegions } from './proc.js';

/** Options of `openProcess`. */
export interface ProcessOptions {
  /** Selects the regions of the image (default: `isMemory`). */
  readonly include?: (region: ProcessRegion) => boolean;
  /** Stops reading: the next system call is not made, and `read` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The memory of a running process as an image. */
export interface ProcessSource extends PageSource {
  readonly bytes: number;
  /** The regions in the image's order, which is that of their addresses. */
  readonly regions: readonly PlacedRegion[];
  /**
   * Bytes that could not be read so far (past the end of a mapped file, a device's pages). They are zero in
   * the image.
   */
  readonly skippedBytes: number;
  skipZeros(maxBytes: number): number;
  close(): void;
}

/** A region with its position in the image. */
export interface PlacedRegion extends ProcessRegion {
  readonly position: number;
}

/** Unreadable memory is skipped in steps of the smallest page size. */
const FAULT_BYTES = 4096;

/**
 * Open the memory of a running process (Linux): its regions one after the other, by ascending address. The
 * process continues to run unless it is stopped, so each page has its content at the time it is read, and
 * there is no `readAt`.
 * @throws PageferryError `io` if there is no such process or it may not be read, `unsupported` without /proc
 */
export function openProcess(pid: number, options: ProcessOptions = {}): ProcessSource {
  checkPid(pid);
  throwIfAborted(options.signal);
  const name = `pid ${pid}`;
  const regions = place(readRegions(pid).filter(options.include ?? isMemory));
  const last = regions.at(-1);
  if (!last)
    throw new PageferryError(
      'io',
      `${name}: has no memory to read (a kernel thread, a zombie, or no region was selected)`,
    );
  const bytes = last.position + last.bytes;
  const memory = new ProcessMemory(pid, options.signal);
  const life = new FileLifeCycle(name);
  let next = 0;
  return {
    name,
    bytes,
    regions,
    get skippedBytes() {
      return memory.skippedBytes;
    },
    async read(into) {
      life.check();
      const wanted = Math.min(into.length, bytes - next);
      const from = next;
      next += wanted;
      try {
        for (let done = 0; done < wanted; ) {
          const region = regions[extentIndex(regions, from + done)]!;
          const within = from + done - region.position;
          const part = into.subarray(done, Math.min(wanted, done + region.bytes - within));
          await memory.read(part, region, within);
          done += part.length;
        }
      } catch (cause) {
        life.fail(cause); // a later read would continue after the missing bytes
      }
      return wanted;
    },
    skipZeros(maxBytes) {
      life.check();
      const zeros = untouchedBytes(memory, regions, next, Math.min(maxBytes, bytes - next));
      const skipped = next + zeros === bytes ? zeros : zeros - (zeros % SKIP_BYTES);
      next += skipped;
      return skipped;
    },
    close() {
      if (life.endBy('close')) memory.close();
    },
  };
}

/** Count the bytes from `position` on, at most `maxBytes`, that the process never touched. */
function untouchedBytes(
  memory: ProcessMemory,
  regions: readonly PlacedRegion[],
  position: number,
  maxBytes: number,
): number {
  for (let zeros = 0; ; ) {
    if (zeros === maxBytes) return zeros;
    const region = regions[extentIndex(regions, position + zeros)]!;
    const within = position + zeros - region.position;
    const wanted = Math.min(maxBytes - zeros, region.bytes - within);
    const absent = memory.absentBytes(region, within, wanted);
    zeros += absent;
    if (absent < wanted) return zeros;
  }
}

/** Reads /proc/PID/mem, without touching pages that the process never touched. */
class ProcessMemory {
  skippedBytes = 0;
  private readonly handle: ReadHandle;
  private readonly pagemap: Pagemap | undefined;

  constructor(
    private readonly pid: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.handle = createReadHandle(OpenFile.ofDescriptor(`pid ${pid}`, openProc(pid, 'mem')));
    this.pagemap = openPagemap(pid);
  }

  async read(into: Uint8Array, region: ProcessRegion, within: number): Promise<void> {
    const address = region.address + BigInt(within);
    if (!this.pagemap || !isAnonymous(region)) return this.readAt(into, address);
    let done = 0;
    for (const piece of this.pagemap.pieces(address, into.length)) {
      const part = into.subarray(done, done + piece.bytes);
      if (piece.absent) part.fill(0);
      else await this.readAt(part, address + BigInt(done));
      done += piece.bytes;
    }
  }

  absentBytes(region: ProcessRegion, within: number, bytes: number): number {
    if (!this.pagemap || !isAnonymous(region)) return 0;
    return this.pagemap.absentBytes(region.address + BigInt(within), bytes);
  }

  close(): void {
    this.handle.close();
    this.pagemap?.close();
  }

  private async readAt(into: Uint8Array, address: bigint): Promise<void> {
    for (let done = 0; done < into.length; ) {
      throwIfAborted(this.signal);
      try {
        const read = await this.handle.readOnce(into, done, address + BigInt(done));
        if (read === 0) throw new PageferryError('io', `pid ${this.pid}: ended while it was read`);
        done += read;
      } catch (cause) {
        if (errnoOf(cause) !== 'EIO' && errnoOf(cause) !== 'EFAULT')
          throw cause instanceof PageferryError ? cause : processError(this.pid, cause);
        const inPage = Number((address + BigInt(done)) % BigInt(FAULT_BYTES));
        const step = Math.min(FAULT_BYTES - inPage, into.length - done);
        into.fill(0, done, done + step);
        this.skippedBytes += step;
        done += step;
      }
    }
  }
}

function place(regions: readonly ProcessRegion[]): PlacedRegion[] {
  let position = 0;
  return regions.map((region) => {
    const placed = { ...region, position };
    position += region.bytes;
    return placed;
  });
}
