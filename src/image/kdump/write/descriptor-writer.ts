import type { PageSink } from '../../../page/source.js';
import { viewOf } from '../../file-bytes.js';
import { DESCRIPTOR_BYTES } from '../layout.js';

const BUFFERED = 4096;

/** Place of a page's data in the file. */
export interface PagePlace {
  readonly offset: number;
  readonly bytes: number;
  /** Its compression; 0: none. */
  readonly flags: number;
}

/** Writes the descriptors of pages in ascending order, and reads them back. */
export class DescriptorWriter {
  /** Number of descriptors so far. */
  private count = 0;
  private readonly buffer = viewOf(new Uint8Array(BUFFERED * DESCRIPTOR_BYTES));
  /** Index of the first descriptor in the buffer. */
  private first = 0;
  private readonly readBack = viewOf(new Uint8Array(DESCRIPTOR_BYTES));

  /** `at`: offset of the descriptors in the file; `zeros`: what the pages have that are not added. */
  constructor(
    private readonly file: PageSink,
    private readonly at: number,
    private readonly zeros: PagePlace,
  ) {}

  add(index: number, offset: number, bytes: number, flags: number): void {
    this.fillTo(index);
    this.put(offset, bytes, flags);
  }

  /** Write the descriptors of the first `count` pages. */
  finish(count: number): void {
    this.fillTo(count);
    this.flush();
  }

  /** The place of a page. */
  find(index: number): PagePlace {
    if (index >= this.count) return this.zeros;
    if (index >= this.first) return placeAt(this.buffer, (index - this.first) * DESCRIPTOR_BYTES);
    this.file.readAt(new Uint8Array(this.readBack.buffer), this.at + index * DESCRIPTOR_BYTES);
    return placeAt(this.readBack, 0);
  }

  private fillTo(index: number): void {
    const { offset, bytes, flags } = this.zeros;
    while (this.count < index) this.put(offset, bytes, flags);
  }

  private put(offset: number, bytes: number, flags: number): void {
    if (this.count - this.first === BUFFERED) this.flush();
    const to = (this.count++ - this.first) * DESCRIPTOR_BYTES;
    this.buffer.setUint32(to, offset % 2 ** 32, true);
    this.buffer.setUint32(to + 4, Math.floor(offset / 2 ** 32), true);
    this.buffer.setUint32(to + 8, bytes, true);
    this.buffer.setUint32(to + 12, flags, true);
  }

  private flush(): void {
    const bytes = (this.count - this.first) * DESCRIPTOR_BYTES;
    if (bytes > 0)
      this.file.write(new Uint8Array(this.buffer.buffer, 0, bytes), this.at + this.first * DESCRIPTOR_BYTES);
    this.first = this.count;
  }
}

function placeAt(view: DataView, at: number): PagePlace {
  return {
    offset: Number(view.getBigUint64(at, true)),
    bytes: view.getUint32(at + 8, true),
    flags: view.getUint32(at + 12, true),
  };
}
