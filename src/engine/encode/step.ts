import type { PageSource } from '../../page/source.js';
import type { Chunk } from './chunk.js';

/** Alignment of skipped ranges: the largest page size. */
export const SKIP_BYTES = 65536;
/** Most zero bytes skipped in one step; their digest takes about 20 ms, then other events get a turn. */
export const MAX_SKIP_BYTES = 2 ** 36;

/** A chunk that is being read, scanned and hashed, or was. */
export interface Step {
  readonly isEnded: boolean;
  /** Resolve when the step may have ended. @throws the reason of `signal` */
  wait(signal: AbortSignal): Promise<unknown>;
  /** Return the chunk of a step that has ended; the caller releases it. @throws what the step failed with */
  take(): Chunk;
  /** Release the chunk once the step has ended. */
  abandon(): void;
}

/** Is given each chunk, of `position`, before its job starts, in order. */
export type ChunkPreparation = (chunk: Chunk, position: number) => void;

/** Input of steps. */
export interface StepImages {
  readonly source: PageSource;
  /** The image whose pages are compared with those at the same positions. */
  readonly parent: PageSource | undefined;
  readonly prepare: ChunkPreparation;
}

/** The steps of reading one source, in order. */
export interface Steps {
  /** Whether the source may have more bytes. */
  readonly hasMore: boolean;
  /** Begin the next step. Needs a free chunk. */
  next(): Step;
}
