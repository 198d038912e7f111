import type { PageSink } from '../../../page/source.js';

const WINDOW_BYTES = 1 << 16;
const WINDOW_PAGES = 8 * WINDOW_BYTES;

/** Writes a bitmap whose bits are set in ascending order; parts without any become holes. */
export class BitmapWriter {
  private readonly window = new Uint8Array(WINDOW_BYTES);
  /** First page of the window. */
  private first = 0;
  private isEmpty = true;

  /** `at`: offset of the bitmap in the file; `bytes`: its size. */
  constructor(
    private readonly file: PageSink,
    private readonly at: number,
    private readonly bytes: number,
  ) {}

  /** Set the bits [page, end). */
  set(page: number, end: number): void {
    for (let next = page; next < end; ) {
      this.moveTo(next);
      const windowEnd = Math.min(end, this.first + WINDOW_PAGES) - this.first;
      let bit = next - this.first;
      while (bit < windowEnd && bit % 8 !== 0) this.setBit(bit++);
      const bytes = (windowEnd - bit) >> 3;
      if (bytes > 0) this.window.fill(0xff, bit >> 3, (bit >> 3) + bytes);
      for (bit += 8 * Math.max(bytes, 0); bit < windowEnd; bit++) this.setBit(bit);
      this.isEmpty = false;
      next = this.first + windowEnd;
    }
  }

  /** Write what was set since the last call. */
  flush(): void {
    const from = this.first / 8;
    if (!this.isEmpty) this.file.write(this.window.subarray(0, this.bytes - from), this.at + from);
    this.isEmpty = true;
  }

  private setBit(bit: number): void {
    this.window[bit >> 3]! |= 1 << (bit & 7);
  }

  private moveTo(page: number): void {
    if (page < this.first + WINDOW_PAGES) return;
    this.flush();
    this.window.fill(0);
    this.first = page - (page % WINDOW_PAGES);
  }
}
