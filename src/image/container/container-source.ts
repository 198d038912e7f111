import type { PageSource } from '../../page/source.js';
import { type Extent, ExtentTable } from '../extent-table.js';
import { checkComplete } from '../extents.js';
import type { ReadHandle } from '../fs/read-handle.js';
import { readAhead } from '../read-ahead.js';
import { readInOrder } from '../read-in-order.js';
import { type ContainerLayout, writeContainer } from './description.js';
import { forEachOther } from './placed-bytes.js';
import { RunTable } from './run-table.js';

/** The file, or an archive of files. */
type Readable = Pick<ReadHandle, 'name' | 'readSync'>;

/** Create the source of a container. The file stays open as long as the image that it belongs to. */
export function createContainerSource(handle: Readable, layout: ContainerLayout): PageSource {
  const description = writeContainer(layout);
  const others = othersOf(layout, description.length);
  const last = others.length - 1;
  const bytes = last < 0 ? description.length : others.position(last) + others.bytes(last);
  const readSync = readAhead((into, offset) => handle.readSync(into, offset));
  const readAt = (into: Uint8Array, position: number) => {
    const wanted = Math.max(0, Math.min(into.length, bytes - position));
    for (let done = 0; done < wanted; ) {
      const at = position + done;
      const i = others.lastAt(at);
      const isDescription = at < description.length;
      const end = isDescription ? description.length : others.position(i) + others.bytes(i);
      const part = into.subarray(done, Math.min(wanted, end - position));
      if (isDescription) part.set(description.subarray(at, at + part.length));
      else {
        const offset = others.offset(i) + at - others.position(i);
        checkComplete(handle.name, readSync(part, offset), part.length, offset);
      }
      done += part.length;
    }
    return wanted;
  };
  return { name: handle.name, bytes, readAt, read: readInOrder(readAt) };
}

/** The file's other bytes, with their places in the file and in the container. */
function othersOf(layout: ContainerLayout, descriptionBytes: number): RunTable {
  const others = new RunTable();
  if (layout.isSparse) return others;
  let position = descriptionBytes;
  forEachOther(layout, (offset, bytes) => {
    others.add(offset, bytes, position);
    position += bytes;
  });
  return others;
}

/** Return the runs of an image that consists of extents. */
export function runsOf(ranges: ExtentTable | readonly Extent[]): RunTable {
  const extents = ExtentTable.of(ranges);
  const runs = new RunTable(extents.length);
  for (let i = 0; i < extents.length; i++) {
    const offset = extents.offset(i);
    const position = extents.position(i);
    if (offset !== undefined) runs.add(offset, extents.end(i) - position, position);
  }
  runs.sortByOffset();
  return runs;
}
