import type { ImageProgress } from '../../strategy/strategy.js';
import type { FrameBuilder } from '../frame/frame-builder.js';
import type { FrameContext } from '../frame/pack-content.js';
import type { LifeCycle } from '../life-cycle.js';
import type { Threads } from '../threads/threads.js';
import type { WorkerStart } from '../threads/worker-start.js';
import type { ChunkReader } from './chunk-reader.js';
import type { EncoderSettings } from './encoder-options.js';
import type { ImageContext } from './image-encoder.js';
import type { RecordWriter } from './record-writer.js';
import type { StageMeter } from './stage-meter.js';
import type { Timeline } from './timeline.js';

/** The parts of an encoder. */
export interface EncoderParts {
  readonly settings: EncoderSettings;
  readonly life: LifeCycle;
  readonly threads: Threads;
  readonly workerStart: WorkerStart;
  readonly image: ImageContext;
  readonly frame: FrameContext;
  readonly writer: RecordWriter;
  readonly reader: ChunkReader;
  /** Return the address of `bytes` zero bytes; less than a page. */
  zeros(bytes: number): number;
  /** The free frames. */
  readonly frames: FrameBuilder[];
  /** Progress that strategies see: `StreamState.progress`. */
  readonly progress: { -readonly [K in keyof ImageProgress]: ImageProgress[K] };
  readonly meter: StageMeter;
  readonly timeline: Timeline | undefined;
  readonly startedAt: number;
  readonly notes: readonly string[];
}
