import type { CodedRuns } from './coded-runs.js';
import { type ContainerRun, RunTable } from './run-table.js';

/** Bytes of a file that a container does not have. */
interface PlacedBytes {
  readonly runs: RunTable | readonly ContainerRun[];
  readonly coded?: CodedRuns | undefined;
}

/** Bytes of a file. */
class Cursor {
  offset = 0;
  bytes = 0;

  protected at(offset: number, bytes: number): true {
    this.offset = offset;
    this.bytes = bytes;
    return true;
  }
}

/** Goes over runs and compressed pages by ascending offset. */
class PlacedCursor extends Cursor {
  private readonly runs: RunTable;
  private readonly coded: CodedRuns | undefined;
  private nextRun = 0;
  private nextCoded = 0;

  constructor({ runs, coded }: PlacedBytes) {
    super();
    this.runs = RunTable.of(runs);
    this.coded = coded;
  }

  /** Go to the next ones. Returns false at the end. */
  next(): boolean {
    const { runs, coded, nextRun, nextCoded } = this;
    const hasCoded = coded !== undefined && nextCoded < coded.count;
    const hasRun = nextRun < runs.length;
    if (hasRun && (!hasCoded || runs.offset(nextRun) <= coded.offsets[nextCoded]!)) {
      this.nextRun++;
      return this.at(runs.offset(nextRun), runs.bytes(nextRun));
    }
    if (!hasCoded) return false;
    this.nextCoded++;
    return this.at(coded.offsets[nextCoded]!, coded.sizes[nextCoded]!);
  }
}

/** Goes over the file's other bytes, ascending: those that are in no run and no compressed page. */
export class OtherCursor extends Cursor {
  private readonly placed: PlacedCursor;
  private readonly fileBytes: number;
  private end = 0;

  constructor(layout: PlacedBytes & { readonly fileBytes: number }) {
    super();
    this.placed = new PlacedCursor(layout);
    this.fileBytes = layout.fileBytes;
  }

  /** Go to the next ones. Returns false at the end. */
  next(): boolean {
    const { placed } = this;
    while (placed.next()) {
      const from = this.end;
      this.end = placed.offset + placed.bytes;
      if (placed.offset > from) return this.at(from, placed.offset - from);
    }
    const from = this.end;
    this.end = Math.max(from, this.fileBytes);
    return this.end > from && this.at(from, this.end - from);
  }
}

/**
 * Call `visit` with all bytes of a file that are not among its container's other bytes, ascending: runs, and
 * compressed pages. Returns false if two of them overlap.
 */
export function forEachPlaced(placed: PlacedBytes, visit: (offset: number, bytes: number) => void): boolean {
  const cursor = new PlacedCursor(placed);
  let end = 0;
  while (cursor.next()) {
    const { offset, bytes } = cursor;
    if (offset < end) return false;
    end = offset + bytes;
    visit(offset, bytes);
  }
  return true;
}

/** Call `visit` with the file's other bytes, ascending. */
export function forEachOther(
  layout: PlacedBytes & { readonly fileBytes: number },
  visit: (offset: number, bytes: number) => void,
): void {
  const cursor = new OtherCursor(layout);
  while (cursor.next()) visit(cursor.offset, cursor.bytes);
}
