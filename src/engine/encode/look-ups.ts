import type { PageDigests } from '../../dedup/page-digests.js';
import type { PageIndex } from '../../dedup/page-index.js';
import { ALL_LOOKS, type Looks } from '../../strategy/strategy.js';
import type { PageCoderContext } from '../frame/page-coder.js';
import { INGEST } from '../threads/job.js';
import type { Chunk } from './chunk.js';

/**
 * Has the pages of one image looked up in the index, chunk by chunk: by the jobs that hash them, in turn,
 * where the image can be read again, so that a page found can be compared; else on the calling thread.
 */
export class LookUps {
  /** What the pages of the begun chunk are looked for. */
  looks = ALL_LOOKS;
  /** Whether jobs may use the index now, for later chunks. */
  areInJobs = false;
  /** The last chunk that was looked up: its pages, the time it took, and duplicates found before. */
  private pages = 0;
  private ms = 0;
  private foundBefore = 0;

  constructor(
    private readonly context: PageCoderContext & { readonly index: PageIndex | undefined },
    private readonly image: number,
    private readonly digests: PageDigests,
  ) {
    context.index?.setDigests(image, digests.address);
  }

  /** Decide what the pages of the chunk at `position` are looked for, and where their digests go. */
  readonly prepare = (chunk: Chunk, position: number): void => {
    const { strategy, state } = this.context;
    this.prepareChunk(chunk, position, strategy.looks?.(state) ?? ALL_LOOKS);
  };

  /** As `prepare`, for a base image. */
  readonly prepareBase = (chunk: Chunk, position: number): void =>
    this.prepareChunk(chunk, position, ALL_LOOKS);

  /**
   * Have the index refer to the `count` pages of a chunk from `firstPage` on. `found`: duplicates before
   * them.
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
    this.ms = this.lookUp(index, chunk, count, firstPage);
    this.pages = count;
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

  /** Look the pages up, unless their job did; return the ms that it took. */
  private lookUp(index: PageIndex, chunk: Chunk, count: number, firstPage: number): number {
    const { state, codec } = this.context;
    this.areInJobs = chunk.lookUp !== undefined;
    if (this.areInJobs) {
      index.useRun(chunk.references);
      return codec.kernels.words[(chunk.job >>> 2) + INGEST.LOOKED_US]! / 1000;
    }
    const startedMs = state.elapsedMs();
    index.addRun(chunk.digests, chunk.classes, count, this.image, firstPage);
    return state.elapsedMs() - startedMs;
  }

  /** Report what the last chunk gave that was looked up. */
  private report(found: number): void {
    const { strategy, pageBytes } = this.context;
    const { pages, ms, foundBefore } = this;
    if (pages > 0)
      strategy.onLooked?.({ pages, pageBytes, hits: found - foundBefore, ms, timedPages: pages });
    this.foundBefore = found;
    this.pages = 0;
  }
}
