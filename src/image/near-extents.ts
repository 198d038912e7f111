import type { ExtentTable } from './extent-table.js';

/** Extents that are as close to each other in the file are read together: a call of the system costs more. */
const MAX_GAP_BYTES = 1024;
const MAX_SPAN_BYTES = 1 << 20;

/** Bytes of a file that hold several extents, and what is between them. */
interface Span {
  readonly offset: number;
  readonly bytes: number;
  /** Bytes of the image that they hold. */
  readonly imageBytes: number;
}

/** Reads extents of an image that follow each other in their file together, not one after the other. */
export class NearExtents {
  private buffer = new Uint8Array(0);

  constructor(private readonly extents: ExtentTable) {}

  /** The file's bytes from `position` of the image on; undefined if they are in one extent, or far apart. */
  spanAt(position: number, wanted: number): Span | undefined {
    const { extents } = this;
    const first = extents.indexAt(position);
    const start = extents.offset(first);
    if (start === undefined) return undefined;
    const offset = start + position - extents.position(first);
    let end = start + extents.end(first) - extents.position(first);
    let i = first;
    while (i + 1 < extents.length && extents.end(i) < position + wanted) {
      const next = extents.offset(i + 1);
      if (next === undefined || next < end || next - end > MAX_GAP_BYTES) break;
      const nextEnd = next + extents.end(i + 1) - extents.position(i + 1);
      if (nextEnd - offset > MAX_SPAN_BYTES) break;
      end = nextEnd;
      i++;
    }
    if (i === first) return undefined;
    const imageEnd = Math.min(extents.end(i), position + wanted);
    const unread = extents.end(i) - imageEnd;
    return { offset, bytes: end - offset - unread, imageBytes: imageEnd - position };
  }

  /** A buffer for the bytes of a span, the same one each time. */
  bufferFor({ bytes }: Span): Uint8Array {
    if (this.buffer.length < bytes) this.buffer = new Uint8Array(MAX_SPAN_BYTES);
    return this.buffer.subarray(0, bytes);
  }

  /** Copy the bytes of the image from those of the span to the start of `into`. */
  copy(from: Uint8Array, into: Uint8Array, position: number, { offset, imageBytes }: Span): void {
    const { extents } = this;
    let i = extents.indexAt(position);
    for (let done = 0; done < imageBytes; i++) {
      const at = position + done;
      const bytes = Math.min(extents.end(i), position + imageBytes) - at;
      const start = extents.offset(i)! + at - extents.position(i) - offset;
      into.set(from.subarray(start, start + bytes), done);
      done += bytes;
    }
  }
}
