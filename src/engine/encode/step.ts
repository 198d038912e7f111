import type { PageSource } from '../../page/source.js';
import type { Chunk } from './chunk.js';

/** Alignment of skipped ranges: the largest page size. */
export const SKIP_BYTES = 65536;
/** Maximum zero bytes skipped in one step: digesting them takes about 20 ms of the event loop. */
export const MAX_SKIP_BYTES = 2 ** 36;

/** The reading, scanning and hashing of one chunk. */
export interface Step {
  readonly isEnded: boolean;
  /** Resolve when the step may have ended. @throws the reason of `signal` */
  wait(signal: AbortSignal): Promise<unknown>;
  /** Return the chunk of a step that has ended; the caller releases it. @throws the step's failure */
  take(): Chunk;
  /** Discard the step's result: its chunk is released when the step ends. */
  abandon(): void;
}

/** Called with each chunk and its position in the image before the chunk's job starts, in order. */
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
