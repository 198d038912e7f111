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
 * The threads to pack with; sizes Node's own thread pool, which reads files and runs zstd, before its first
 * use.
 */
export function packingThreads(asked: number | undefined): number {
  const threads = asked ?? Math.min(availableParallelism(), MAX_DEFAULT_THREADS);
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, threads + 2));
  return threads;
}
