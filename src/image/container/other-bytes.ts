import type { FileBytes } from '../file-bytes.js';
import type { Container, ContainerBytes } from './description.js';
import { forEachOther } from './placed-bytes.js';
import { RunTable } from './run-table.js';

/** Open the file of a container to read its bytes that are not memory; those that are read as zeros. */
export function openOtherBytes(container: Container, from: ContainerBytes): FileBytes {
  const { fileBytes } = container;
  /** Bytes between runs: `position` is that in the file, `offset` that in the container. */
  const gaps = new RunTable();
  let source = container.otherBytesAt;
  forEachOther(container, (position, bytes) => {
    gaps.add(source, bytes, position);
    source += bytes;
  });
  return {
    path: from.name,
    bytes: fileBytes,
    readSync(into, position) {
      const wanted = Math.max(0, Math.min(into.length, fileBytes - position));
      into.fill(0, 0, wanted);
      for (let i = gaps.lastAt(position); i < gaps.length; i++) {
        const gap = gaps.position(i);
        const start = Math.max(gap, position);
        const stop = Math.min(gap + gaps.bytes(i), position + wanted);
        if (gap >= position + wanted) break;
        if (start < stop)
          from.readAt(into.subarray(start - position, stop - position), gaps.offset(i) + start - gap);
      }
      return wanted;
    },
  };
}
