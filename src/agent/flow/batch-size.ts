/** A batch keeps the link busy for about this time, but has enough pages to compress well together. */
const BATCH_MS = 40;
const MIN_BATCH_PAGES = 64;
/** Assumed bytes of a coded page before the first batch. */
const START_BYTES_PER_PAGE = 1024;

/**
 * Pages of the next batch, from the delivery rate and the size of recent coded pages: a few batches wait
 * beside the in-flight bytes.
 */
export class BatchSize {
  private bytesPerPage = START_BYTES_PER_PAGE;

  constructor(private readonly maxPages: number) {}

  /** Record that a batch of `pages` became `bytes`. */
  add(pages: number, bytes: number): void {
    this.bytesPerPage = Math.max(1, (this.bytesPerPage + bytes / pages) / 2);
  }

  /** `bytesPerMs`: rate of the path; undefined before it is measured. */
  pages(bytesPerMs: number | undefined): number {
    const pages = bytesPerMs === undefined ? 0 : Math.floor((bytesPerMs * BATCH_MS) / this.bytesPerPage);
    return Math.min(this.maxPages, Math.max(MIN_BATCH_PAGES, pages));
  }
}
