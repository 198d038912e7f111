// Which pages of a file need not be kept twice, because they are compressed to the same bytes again.
import { type Compression, decompressPage } from '../compression/decompress.js';
import { encodersOf, type PageEncoder } from '../compression/page-encoders.js';
import { CodedRuns } from './coded-runs.js';

/** A file of which fewer of the first pages are reproduced was made by another version of the library. */
const SAMPLE_PAGES = 64;
const MIN_REPRODUCED = 32;

interface Candidate {
  readonly encoder: PageEncoder;
  readonly runs: CodedRuns;
}

/** Compresses pages as the libraries do, and keeps the places of those that have the same bytes. */
export class CodedFinder {
  private compression: Compression | undefined;
  private candidates: Candidate[] = [];
  private tried = 0;
  private readonly page: Uint8Array;
  private readonly code: Uint8Array;

  /** `contentBytes`: bytes of each page. */
  constructor(private readonly contentBytes: number) {
    this.page = new Uint8Array(contentBytes);
    this.code = new Uint8Array(2 * contentBytes + 64);
  }

  /**
   * Compress a page whose compressed bytes are at `offset` of the file, and whose content is at `position` of
   * the image. Pages come in the file's order. Returns whether it was reproduced.
   */
  add(compression: Compression, bytes: Uint8Array, offset: number, position: number): boolean {
    if (!this.compression) this.begin(compression);
    // A container has one encoder; dumps have one compression.
    if (compression !== this.compression || this.candidates.length === 0) return false;
    if (this.tried === SAMPLE_PAGES) this.decide();
    this.tried++;
    if (this.candidates.length === 0 || !decompressPage(compression, bytes, this.page)) return false;
    let isFound = false;
    for (const { encoder, runs } of this.candidates)
      if (this.isReproduced(encoder, bytes) && runs.add(offset, bytes.length, position)) isFound = true;
    return isFound;
  }

  /** The pages that were reproduced; undefined if there are none. */
  result(): CodedRuns | undefined {
    const runs = this.best()?.runs;
    return runs && runs.count > 0 ? runs : undefined;
  }

  private begin(compression: Compression): void {
    this.compression = compression;
    this.candidates = encodersOf(compression, this.contentBytes).map(({ id, create }) => ({
      encoder: create(),
      runs: new CodedRuns(this.contentBytes, id),
    }));
  }

  private decide(): void {
    const best = this.best();
    this.candidates = best && best.runs.count >= MIN_REPRODUCED ? [best] : [];
  }

  private best(): Candidate | undefined {
    return [...this.candidates].sort((a, b) => b.runs.count - a.runs.count)[0];
  }

  private isReproduced(encoder: PageEncoder, bytes: Uint8Array): boolean {
    const count = encoder.encode(this.page, this.code);
    return count === bytes.length && Buffer.compare(this.code.subarray(0, count), bytes) === 0;
  }
}
