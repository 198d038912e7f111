import type { PageDigests } from '../../dedup/page-digests.js';
import type { PageIndex } from '../../dedup/page-index.js';
import { looksOf } from '../../strategy/check-strategy.js';
import { ALL_LOOKS, type Looks } from '../../strategy/strategy.js';
import type { PageCoderContext } from '../frame/page-coder.js';
import { readIngestResult } from '../threads/ingest-job.js';
import type { Chunk } from './chunk.js';

/**
 * Look-ups of one image's pages in the page index, chunk by chunk. Ingest jobs look pages up, in turn, if the
 * image's digests are in the kernels' memory, so that jobs can compare the digests of pages that they find.
 * Else the calling thread does.
 */
export class LookUps {
  /** The searches for the pages of the current chunk. */
  looks = ALL_LOOKS;
  /** Whether jobs look up later chunks now, so that the calling thread must not change the index. */
  areInJobs = false;
  /**
   * The last chunk that was looked up: its pages, those whose time is known, the ms of their look-ups, and
   * the duplicates before the chunk.
   */
  private pages = 0;
  private timedPages = 0;
  private ms = 0;
  private foundBefore = 0;

  constructor(
    private readonly context: PageCoderContext & { readonly index: PageIndex | undefined },
    private readonly image: number,
    private readonly digests: PageDigests,
  ) {
    context.index?.setDigests(image, digests.address);
  }

  /** Set the searches for the chunk's pages and the address for their digests, before its job starts. */
  readonly prepare = (chunk: Chunk, position: number): void => {
    const { strategy, state } = this.context;
    this.prepareChunk(chunk, position, looksOf(strategy, state));
  };

  /** As `prepare`, for a base image: all searches. */
  readonly prepareBase = (chunk: Chunk, position: number): void =>
    this.prepareChunk(chunk, position, ALL_LOOKS);

  /**
   * Begin a chunk: set the index's run to its pages, and look them up unless their job did. `found`:
   * duplicates of the image before them.
   */
  begin(chunk: Chunk, count: number, firstPage: number, found: number): void {
    const { index } = this.context;
    this.looks = chunk.looks;
    if (!index) return;
    if (!this.looks.duplicates) {
      index.skipRun(count);
      return;
    }
    this.report(found);
    const ms = this.lookUp(index, chunk, count, firstPage);
    const isTimed = index.isTouched(chunk.classes, count);
    this.ms = isTimed ? ms : 0;
    this.pages = count;
    this.timedPages = isTimed ? count : 0;
  }

  private prepareChunk(chunk: Chunk, position: number, looks: Looks): void {
    const { pageBytes, index } = this.context;
    const firstPage = Math.floor(position / pageBytes);
    const place = this.digests.place(firstPage, Math.floor(chunk.bytes / pageBytes));
    const isInJob = place !== 0 && index !== undefined && looks.duplicates;
    chunk.digests = place || chunk.ownDigests;
    chunk.looks = looks;
    chunk.lookUp = isInJob ? { image: this.image, firstPage } : undefined;
  }

  /** Look the pages up unless their job did; return the ms that it took. */
  private lookUp(index: PageIndex, chunk: Chunk, count: number, firstPage: number): number {
    const { state, codec } = this.context;
    this.areInJobs = chunk.lookUp !== undefined;
    if (this.areInJobs) {
      index.useRun(chunk.references);
      return readIngestResult(codec.kernels.words, chunk.job).lookUpMs;
    }
    const startedMs = state.elapsedMs();
    index.addRun(chunk.digests, chunk.classes, count, this.image, firstPage);
    return state.elapsedMs() - startedMs;
  }

  /** Report the duplicates of the last looked-up chunk to the strategy. `found`: duplicates until now. */
  private report(found: number): void {
    const { strategy, pageBytes } = this.context;
    const { pages, timedPages, ms, foundBefore } = this;
    if (pages > 0) strategy.onLooked?.({ pages, pageBytes, hits: found - foundBefore, ms, timedPages });
    this.foundBefore = found;
    this.pages = 0;
  }
}
