import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { encoderById, type PageEncoder } from '../compression/page-encoders.js';
import type { CodedRuns } from './coded-runs.js';

const ZEROS = new Uint8Array(1 << 16);

/** Compresses pages of an image, whose bytes arrive in ascending order, and writes them to their file. */
export class CodedPages {
  private readonly encoder: PageEncoder;
  private readonly page: Uint8Array;
  private readonly code: Uint8Array;
  /** Bytes of the image so far. */
  private position = 0;
  /** The first page that is not complete. */
  private next = 0;

  constructor(
    private readonly writePage: PageSink['write'],
    private readonly runs: CodedRuns,
    private readonly name: string,
  ) {
    this.page = new Uint8Array(runs.contentBytes);
    this.code = new Uint8Array(2 * runs.contentBytes + 64);
    this.encoder = encoderById(runs.encoder, runs.contentBytes)!; // as `readCodedRuns` has checked
  }

  /** Take the next bytes of the image. @throws PageferryError `bad-stream`; what the file throws */
  write(bytes: Uint8Array, position: number): void {
    if (position < this.position) throw this.bad(`its bytes at ${position} come twice`);
    const { contentBytes, positions, count } = this.runs;
    const end = position + bytes.length;
    this.position = end;
    while (this.next < count && positions[this.next]! < end) {
      const start = positions[this.next]!;
      const from = Math.max(start, position);
      const to = Math.min(start + contentBytes, end);
      if (to > from) this.page.set(bytes.subarray(from - position, to - position), from - start);
      if (to < start + contentBytes) return;
      this.store(this.next++);
    }
  }

  zero(position: number, bytes: number): void {
    for (let done = 0; done < bytes; done += ZEROS.length)
      this.write(ZEROS.subarray(0, Math.min(ZEROS.length, bytes - done)), position + done);
  }

  /** @throws PageferryError `bad-stream` if the image ended before a page */
  finish(): void {
    if (this.next < this.runs.count) throw this.bad(`it ends before page ${this.next}`);
  }

  private store(index: number): void {
    const bytes = this.encoder.encode(this.page, this.code);
    if (bytes !== this.runs.sizes[index])
      throw this.bad(`page ${index} has ${bytes} compressed bytes, expected ${this.runs.sizes[index]}`);
    this.writePage(this.code.subarray(0, bytes), this.runs.offsets[index]!);
  }

  private bad(problem: string): PageferryError {
    return new PageferryError(
      'bad-stream',
      `container of "${this.name}": the image does not fit: ${problem}`,
    );
  }
}
