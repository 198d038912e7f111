import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { createScratchSink } from '../fs/scratch-sink.js';
import { readAhead } from '../read-ahead.js';
import { isZero } from '../zero-bytes.js';
import { CodedPages } from './coded-pages.js';
import type { Container, ContainerBytes } from './description.js';
import { OtherCursor } from './placed-bytes.js';
import type { RunTable } from './run-table.js';

const COPY_BYTES = 1 << 20;
const BLOCK_BYTES = 4096;

/**
 * Create a sink for an image that writes the file which the image was read from to `file`: pages at their
 * places, and between them the other bytes, which are those of `bytes`. @throws what the two throw;
 * PageferryError `bad-stream` for an image that does not fit its container
 */
export function createContainerSink(file: PageSink, container: Container, bytes: ContainerBytes): PageSink {
  /** Bytes that have no place in the file, because it has them compressed: later pages can refer to them. */
  let derived: PageSink | undefined;
  const others = new OtherBytes(file, container, bytes);
  const writePlaced = (page: Uint8Array, offset: number) => {
    others.copyTo(offset);
    file.write(page, offset);
  };
  const coded = container.coded && new CodedPages(writePlaced, container.coded, bytes.name);
  const runs = container.runs.sortedBy('position');
  return {
    write(page, position) {
      coded?.write(page, position);
      forEachPart(runs, position, page.length, (from, to, offset) => {
        const part = page.subarray(from, to);
        if (offset !== undefined) writePlaced(part, offset);
        else if (!isZero(part)) {
          if (!container.isDerived) throw noPlace(bytes.name, position + from);
          derived ??= createScratchSink();
          derived.write(part, position + from);
        }
      });
    },
    zero(position, length) {
      coded?.zero(position, length);
      forEachPart(runs, position, length, (from, to, offset) => {
        if (offset !== undefined) file.zero(offset, to - from);
      });
    },
    readAt(into, position) {
      forEachPart(runs, position, into.length, (from, to, offset) => {
        const part = into.subarray(from, to);
        const count =
          offset === undefined ? derived?.readAt(part, position + from) : file.readAt(part, offset);
        part.fill(0, count ?? 0);
      });
      return into.length;
    },
    async finish(imageBytes) {
      derived?.abort();
      if (imageBytes !== container.imageBytes)
        throw new PageferryError(
          'bad-stream',
          `container of "${bytes.name}": for an image of ${container.imageBytes} bytes, it has ${imageBytes}`,
        );
      coded?.finish();
      others.copyTo(Infinity);
      await file.finish(container.fileBytes);
    },
    abort() {
      derived?.abort();
      file.abort();
    },
  };
}

/** Divide bytes of an image by where they are in the file; `offset` is undefined where they are not. */
function forEachPart(
  runs: RunTable,
  position: number,
  bytes: number,
  visit: (from: number, to: number, offset: number | undefined) => void,
): void {
  for (let from = 0; from < bytes; ) {
    const at = position + from;
    const index = runs.lastAt(at);
    const isAfterStart = runs.length > 0 && at >= runs.position(index);
    const runEnd = isAfterStart ? runs.position(index) + runs.bytes(index) : 0;
    const isIn = at < runEnd;
    const next = isAfterStart ? index + 1 : index;
    const end = isIn ? runEnd : next < runs.length ? runs.position(next) : Infinity;
    const to = Math.min(bytes, end - position);
    visit(from, to, isIn ? runs.offset(index) + at - runs.position(index) : undefined);
    from = to;
  }
}

/** Copies the bytes of the file that are in no run and no compressed page. */
class OtherBytes {
  private readonly cursor: OtherCursor;
  private readonly read: ContainerBytes['readAt'];
  private readonly buffer = new Uint8Array(COPY_BYTES);
  private hasMore: boolean;
  /** Where the next ones are in the container. */
  private source: number;

  constructor(
    private readonly file: PageSink,
    container: Container,
    private readonly from: ContainerBytes,
  ) {
    this.cursor = new OtherCursor(container);
    this.read = readAhead((into, position) => from.readAt(into, position));
    this.source = container.otherBytesAt;
    this.hasMore = this.cursor.next();
  }

  /** Copy what is before `end` in the file: in the order of the file, small pieces are written together. */
  copyTo(end: number): void {
    for (const { cursor } = this; this.hasMore && cursor.offset < end; this.hasMore = cursor.next())
      this.copy(cursor.offset, cursor.bytes);
  }

  private copy(offset: number, bytes: number): void {
    const end = offset + bytes;
    for (let at = offset; at < end; ) {
      const part = this.buffer.subarray(0, Math.min(COPY_BYTES, end - at));
      if (this.read(part, this.source) !== part.length)
        throw new PageferryError('io', `container of "${this.from.name}": cannot read ${part.length} bytes`);
      writeBlocks(this.file, part, at);
      at += part.length;
      this.source += part.length;
    }
  }
}

/** Write bytes; blocks of zeros become holes. */
function writeBlocks(file: PageSink, bytes: Uint8Array, position: number): void {
  for (let from = 0; from < bytes.length; ) {
    const zero = isZero(blockAt(bytes, position, from));
    let to = from;
    do to += blockAt(bytes, position, to).length;
    while (to < bytes.length && isZero(blockAt(bytes, position, to)) === zero);
    if (zero) file.zero(position + from, to - from);
    else file.write(bytes.subarray(from, to), position + from);
    from = to;
  }
}

/** The bytes up to the next block of the file. */
function blockAt(bytes: Uint8Array, position: number, from: number): Uint8Array {
  return bytes.subarray(from, from + BLOCK_BYTES - ((position + from) % BLOCK_BYTES));
}

function noPlace(name: string, position: number): PageferryError {
  return new PageferryError(
    'bad-stream',
    `container of "${name}": the image's bytes at ${position} are not zero but have no place in the file`,
  );
}
