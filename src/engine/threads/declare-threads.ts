import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import type { Slots } from '../../kernels/arena.js';
import { JobRunner } from './job-runner.js';
import { CONTROL, QUEUE_JOBS } from './queue.js';
import { declareRunner } from './runner-slots.js';
import { LocalThreads, type Threads, type ThreadsOptions } from './threads.js';

/**
 * Declare the memory of `count` threads. Returns a function that creates the threads; call it after the
 * memory is allocated. `codec`: the codec context of the calling thread. `segmentBytes`: the largest segment
 * to pack; 0: the threads pack none.
 */
export async function declareThreads(
  arena: Slots,
  codec: CodecContext,
  count: number,
  segmentBytes: number,
): Promise<(options: ThreadsOptions) => Threads> {
  const queue = arena.slot('job queue', 4 * (CONTROL.RING + QUEUE_JOBS));
  const localSlots = declareRunner(arena, codec, segmentBytes);
  const slots = Array.from({ length: count > 1 ? count : 0 }, () =>
    declareRunner(arena, createCodecContext(arena, { maxZstdLevel: codec.maxZstdLevel }), segmentBytes),
  );
  // A dynamic import: programs with one thread, and browsers, do not load it.
  const workers = count > 1 ? await import('./worker-threads.js') : undefined;
  return (options) => {
    const local = new JobRunner(codec, localSlots, options.zstd, options.frameJobs);
    const declared = { ...options, local, slots };
    return workers ? new workers.WorkerThreads(arena, queue, declared) : new LocalThreads(arena, local);
  };
}
