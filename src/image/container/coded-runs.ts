// Pages that a file has compressed and that are compressed again to the same bytes when it is unpacked.
import type { PageferryError } from '../../page/error.js';
import type { WireReader, WireWriter } from '../../stream/wire.js';
import { encoderById } from '../compression/page-encoders.js';
import { doubled } from '../doubled.js';

/** Each takes 20 bytes of memory: 16 GiB of pages of 4 KiB. What is more stays among the other bytes. */
export const MAX_CODED_RUNS = 1 << 22;
const MAX_CODE_BYTES = 0xffff;

/** Compressed pages, ascending by offset and by position, none twice. */
export class CodedRuns {
  count = 0;
  /** Position of each in the file. */
  offsets = new Float64Array(64);
  /** Bytes in the file. */
  sizes = new Uint16Array(64);
  /** Position of its content in the image. */
  positions = new Float64Array(64);

  /** `contentBytes`: bytes of each page; `encoder`: number of its encoder (`page-encoders.ts`). */
  constructor(
    readonly contentBytes: number,
    readonly encoder: number,
  ) {}

  /** Add a page. Returns false if it does not follow the others, or they are too many. */
  add(offset: number, bytes: number, position: number): boolean {
    const { count, contentBytes } = this;
    const last = count - 1;
    const follows =
      count === 0 ||
      (offset >= this.offsets[last]! + this.sizes[last]! && position >= this.positions[last]! + contentBytes);
    if (!follows || count === MAX_CODED_RUNS || bytes > MAX_CODE_BYTES) return false;
    if (count === this.offsets.length) this.grow();
    this.offsets[count] = offset;
    this.sizes[count] = bytes;
    this.positions[count] = position;
    this.count++;
    return true;
  }

  private grow(): void {
    this.offsets = doubled(this.offsets);
    this.sizes = doubled(this.sizes);
    this.positions = doubled(this.positions);
  }
}

/** Write the table: encoder, bytes of a page, and for each page gap, bytes, skip (description.ts). */
export function writeCodedRuns(table: WireWriter, runs: CodedRuns): void {
  const { count, offsets, sizes, positions, contentBytes, encoder } = runs;
  if (count === 0) return;
  table.u8(encoder);
  table.count(contentBytes);
  let end = 0;
  let contentEnd = 0;
  for (let i = 0; i < count; i++) {
    table.count(offsets[i]! - end);
    table.count(sizes[i]!);
    table.count(positions[i]! - contentEnd);
    end = offsets[i]! + sizes[i]!;
    contentEnd = positions[i]! + contentBytes;
  }
}

/** Read a table of `count` pages. @throws PageferryError `bad-stream` */
export function readCodedRuns(
  table: WireReader,
  count: number,
  limits: { readonly fileBytes: number; readonly imageBytes: number },
  bad: (problem: string) => PageferryError,
): CodedRuns | undefined {
  if (count === 0) return undefined;
  const encoder = table.u8();
  const contentBytes = table.count();
  if (contentBytes < 1 || !encoderById(encoder, contentBytes))
    throw bad(`compressed pages of ${contentBytes} bytes by the encoder ${encoder}, which is not known`);
  const runs = new CodedRuns(contentBytes, encoder);
  let end = 0;
  let contentEnd = 0;
  for (let i = 0; i < count; i++) {
    const offset = end + table.count();
    const bytes = table.count();
    const position = contentEnd + table.count();
    end = offset + bytes;
    contentEnd = position + contentBytes;
    const isIn = bytes > 0 && end <= limits.fileBytes && contentEnd <= limits.imageBytes;
    if (!isIn || !runs.add(offset, bytes, position))
      throw bad(`compressed page ${i}: ${bytes} bytes at ${offset}, at ${position} of the image`);
  }
  return runs;
}
