import { type ZstdSet, zstdState } from '../../codec/zstd/load.js';
import type { StreamState } from '../../strategy/strategy.js';
import type { PackPool } from '../pack/pool.js';
import type { EncoderSettings } from './encoder-options.js';
import type { EncoderParts } from './encoder-parts.js';
import type { MeteredOutput } from './metered-output.js';

/** Context of a stream's state. */
export interface StreamStateContext extends MeteredOutput {
  readonly settings: EncoderSettings;
  readonly zstd: ZstdSet;
  readonly pool: PackPool;
  /** Returns the number of threads that work now. */
  readonly workingThreads: () => number;
  /** Returns the ms since the stream began. */
  readonly elapsedMs: () => number;
}

/** A stream's state as its strategy sees it, and what updates it. */
export interface StreamStateHandle {
  readonly state: StreamState;
  readonly progress: EncoderParts['progress'];
  /** Called with the change of the expected ms of packing and of the expected bytes of the stream. */
  readonly onPending: (ms: number, bytes: number) => void;
}

/** Create the state of a stream that has no image yet. */
export function createStreamState(context: StreamStateContext): StreamStateHandle {
  const { settings, writer, meter, outputRate, isLinkMeasured, workingThreads, elapsedMs } = context;
  const expected = { ms: 0, bytes: 0 };
  const progress = { image: 0, share: 0, bytes: 0, laterBytes: 0 };
  const state: StreamState = {
    get linkBitsPerSecond() {
      return outputRate.bitsPerSecondAt(settings.clock());
    },
    get bytesAcked() {
      return isLinkMeasured ? writer.bytesOut : undefined;
    },
    get threads() {
      return workingThreads();
    },
    get cores() {
      return meter.cores;
    },
    get floorMsPerMiB() {
      return meter.floorMsPerMiB;
    },
    get bytesRead() {
      return meter.bytesRead;
    },
    get bytesWaiting() {
      return writer.waitingBytes;
    },
    get destination() {
      return settings.destination();
    },
    elapsedMs,
    get bytesOut() {
      return expected.bytes;
    },
    get outputWaitMs() {
      return writer.outputWaitMs;
    },
    get pendingMs() {
      return expected.ms;
    },
    handoverMs: context.pool.handoverMs,
    ...zstdState(context.zstd),
    progress,
  };
  const onPending = (ms: number, bytes: number) => {
    expected.ms += ms;
    expected.bytes += bytes;
  };
  return { state, progress, onPending };
}
