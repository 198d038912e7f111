import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { RunTable } from '../container/run-table.js';
import { type DataRange, dataRangesOf } from '../fs/data-ranges.js';
import type { ImageFile } from '../image-file.js';

/** Each takes some 10 bytes of the packed stream, and 24 of memory. */
const MAX_RUNS = 1 << 20;

/** The holes of a sparse file. */
export interface Holes {
  /** Bytes from `position` on that are in a hole; 0 if the byte there is data. */
  bytesAt(position: number): number;
  /** The data of the file; undefined if its parts are too many, or not known. */
  dataRuns(): RunTable | undefined;
  /** Why `dataRuns` is undefined. */
  readonly note: string;
}

/**
 * Find the holes of a file by the file system's means. Returns undefined for a file without holes, and for
 * one of a file system that does not report them. Without the package koffi, holes are read as zeros, which
 * `note` reports.
 */
export function openHoles({ path, bytes, handle }: ImageFile): Holes | undefined {
  const stat = fs.fstatSync(handle.file.use());
  if (!stat.isFile() || stat.blocks * 512 >= bytes) return undefined;
  let ranges: ReturnType<typeof dataRangesOf>;
  try {
    ranges = dataRangesOf(path, () => handle.file.use());
  } catch (error) {
    if (!(error instanceof PageferryError) || error.code !== 'unsupported') throw error;
    const isMissing = /package/.test(error.message);
    return isMissing ? { bytesAt: () => 0, dataRuns: () => undefined, note: noteOf(error) } : undefined;
  }
  const first = ranges.next(0);
  if (first?.position === 0 && first.bytes >= bytes) return undefined;
  return {
    bytesAt: holeFinder(bytes, ranges.next),
    dataRuns: () => runsOf(ranges.next),
    note: `${path}: has more than ${MAX_RUNS} ranges of data; its pages of zeros become holes when it is unpacked`,
  };
}

function noteOf({ message }: PageferryError): string {
  return `${message}; its holes are read as zeros, and its pages of zeros become holes when it is unpacked`;
}

type NextRange = (position: number) => DataRange | undefined;

/** The range of data that was found last answers most questions without a call of the system. */
function holeFinder(bytes: number, next: NextRange): (position: number) => number {
  let known: DataRange | undefined;
  let knownFrom = Infinity;
  return (position) => {
    if (position < knownFrom || (known && position >= known.position + known.bytes)) {
      known = next(position);
      knownFrom = position;
    }
    return Math.max(0, (known?.position ?? bytes) - position);
  };
}

function runsOf(next: NextRange): RunTable | undefined {
  const runs = new RunTable();
  for (let range = next(0); range; range = next(range.position + range.bytes)) {
    if (runs.length === MAX_RUNS) return undefined;
    runs.add(range.position, range.bytes, range.position);
  }
  return runs;
}
