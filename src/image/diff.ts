import { badArgument, PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { type DataRange, type DataRanges, openDataRanges } from './fs/data-ranges.js';
import { openReadHandle, type ReadHandle } from './fs/read-handle.js';
import type { FileSource } from './image-file.js';

/** An image that holes of a diff are read from. */
export type DiffParent = Pick<PageSource, 'name' | 'bytes' | 'readAt'>;

/**
 * Open a diff snapshot: a sparse file of the size of the image, whose data replaces that of the parent and
 * whose holes mean "as in the parent" (Firecracker's diff snapshots). The source is the whole image. It owns
 * the file, not the parent, which has to stay open.
 * @throws PageferryError `bad-argument` if the parent has another size; as `openDataRanges` does
 */
export function openDiff(path: string, parent: DiffParent): FileSource {
  const ranges = openDataRanges(path);
  try {
    if (ranges.bytes !== parent.bytes || !parent.readAt)
      throw badArgument(
        `${path}: a diff of ${ranges.bytes} bytes, but ${parent.name} has ${parent.bytes}; a diff has the size of its parent`,
      );
    return new DiffSource(openReadHandle(path), ranges, parent);
  } catch (error) {
    ranges.close();
    throw error;
  }
}

/** The image that a diff and its parent are together. */
class DiffSource implements FileSource {
  readonly name: string;
  readonly bytes: number;
  private position = 0;
  /** The range of data that ends behind the last position, and the position for which it was looked up. */
  private known: DataRange | undefined;
  private knownFrom = Infinity;

  constructor(
    private readonly file: ReadHandle,
    private readonly ranges: DataRanges,
    private readonly parent: DiffParent,
  ) {
    this.name = file.name;
    this.bytes = ranges.bytes;
  }

  read(into: Uint8Array): number {
    const count = this.readAt(into, this.position);
    this.position += count;
    return count;
  }

  readAt(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.bytes - position));
    for (let done = 0; done < count; ) {
      const at = position + done;
      const range = this.rangeAt(at);
      const start = range?.position ?? this.bytes;
      const isData = start <= at;
      const end = isData ? start + range!.bytes : start;
      const part = into.subarray(done, Math.min(count, done + end - at));
      this.readPart(
        isData ? this.file.readSync(part, at) : this.parent.readAt!(part, at),
        part.length,
        at,
        isData,
      );
      done += part.length;
    }
    return count;
  }

  close(): void {
    this.file.close();
    this.ranges.close();
  }

  private readPart(found: number, wanted: number, at: number, isData: boolean): void {
    if (found === wanted) return;
    const { name } = isData ? this.file : this.parent;
    throw new PageferryError(
      'io',
      `${name}: expected ${wanted} bytes at ${at}, got ${found}: it was truncated`,
    );
  }

  /** The first range of data that ends behind `position`. */
  private rangeAt(position: number): DataRange | undefined {
    const { known } = this;
    const isKnown = position >= this.knownFrom && (!known || position < known.position + known.bytes);
    if (!isKnown) {
      this.known = this.ranges.next(position);
      this.knownFrom = position;
    }
    return this.known;
  }
}
