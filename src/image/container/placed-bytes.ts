import type { CodedRuns } from './coded-runs.js';
import { type ContainerRun, RunTable } from './run-table.js';

/** Bytes of a file that a container does not have. */
interface PlacedBytes {
  readonly runs: RunTable | readonly ContainerRun[];
  readonly coded?: CodedRuns | undefined;
}

/**
 * Call `visit` with all bytes of a file that are not among its container's other bytes, ascending: runs, and
 * compressed pages. Returns false if two of them overlap.
 */
export function forEachPlaced(
  { runs, coded }: PlacedBytes,
  visit: (offset: number, bytes: number) => void,
): boolean {
  const table = RunTable.of(runs);
  const codedCount = coded?.count ?? 0;
  let end = 0;
  for (let i = 0, c = 0; i < table.length || c < codedCount; ) {
    const isRun = c === codedCount || (i < table.length && table.offset(i) <= coded!.offsets[c]!);
    const offset = isRun ? table.offset(i) : coded!.offsets[c]!;
    const bytes = isRun ? table.bytes(i++) : coded!.sizes[c++]!;
    if (offset < end) return false;
    end = offset + bytes;
    visit(offset, bytes);
  }
  return true;
}

/** Call `visit` with the file's other bytes, ascending: those that are in no run and no compressed page. */
export function forEachOther(
  layout: PlacedBytes & { readonly fileBytes: number },
  visit: (offset: number, bytes: number) => void,
): void {
  let end = 0;
  forEachPlaced(layout, (offset, bytes) => {
    if (offset > end) visit(end, offset - end);
    end = offset + bytes;
  });
  if (layout.fileBytes > end) visit(end, layout.fileBytes - end);
}
