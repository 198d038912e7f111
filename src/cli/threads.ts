import { availableParallelism } from 'node:os';
import { wholeNumber } from './values.js';

const MAX_DEFAULT_THREADS = 8;

/** Threads that pack, for the commands that pack images. */
export const THREADS_OPTION = {
  value: 'N',
  help: 'threads that pack, 1 to 16',
  parse: wholeNumber(1, 16),
  defaultText: `one per core, at most ${MAX_DEFAULT_THREADS}`,
} as const;

/**
 * Threads that decode, for the commands that decode streams. One unless asked: on two cores a second one
 * costs about as much as it saves (docs/performance/threads.md).
 */
export const DECODING_THREADS_OPTION = {
  ...THREADS_OPTION,
  help: 'threads that decode, 1 to 16',
  defaultText: '1',
} as const;

/**
 * The threads to pack or decode with; sizes Node's own thread pool, which reads files and runs zstd, before
 * its first use.
 */
export function threadCount(asked: number | undefined): number {
  const threads = asked ?? Math.min(availableParallelism(), MAX_DEFAULT_THREADS);
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, threads + 2));
  return threads;
}
