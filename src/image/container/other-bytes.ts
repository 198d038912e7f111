import { extentIndex } from '../extents.js';
import type { FileBytes } from '../file-bytes.js';
import type { Container, ContainerBytes } from './description.js';
import { forEachOther } from './placed-bytes.js';

/** Open the file of a container to read its bytes that are not memory; those that are read as zeros. */
export function openOtherBytes(container: Container, from: ContainerBytes): FileBytes {
  const { fileBytes } = container;
  /** Bytes between runs: their offset in the file, and that in the container. */
  const gaps: { readonly position: number; readonly bytes: number; readonly source: number }[] = [];
  let source = container.otherBytesAt;
  forEachOther(container, (position, bytes) => {
    gaps.push({ position, bytes, source });
    source += bytes;
  });
  return {
    path: from.name,
    bytes: fileBytes,
    readSync(into, position) {
      const wanted = Math.max(0, Math.min(into.length, fileBytes - position));
      into.fill(0, 0, wanted);
      for (let i = gaps.length === 0 ? 0 : extentIndex(gaps, position); i < gaps.length; i++) {
        const gap = gaps[i]!;
        const start = Math.max(gap.position, position);
        const stop = Math.min(gap.position + gap.bytes, position + wanted);
        if (gap.position >= position + wanted) break;
        if (start < stop)
          from.readAt(into.subarray(start - position, stop - position), gap.source + start - gap.position);
      }
      return wanted;
    },
  };
}
