import { availableCores } from '../threads/available-cores.js';
import type { Threads } from '../threads/threads.js';
import { CoreMeter } from './core-meter.js';
import type { EncoderSettings } from './encoder-options.js';
import { LinkMeter } from './link-meter.js';
import { OutputRate } from './output-rate.js';
import { RecordWriter, type RecordWriterOptions } from './record-writer.js';
import { StageMeter } from './stage-meter.js';
import { Timeline } from './timeline.js';

/** The output of a stream, and what is measured of its writes and of the stages before them. */
export interface MeteredOutput {
  readonly writer: RecordWriter;
  readonly meter: StageMeter;
  readonly timeline: Timeline | undefined;
  /** Rate that the output takes: at most the link's. */
  readonly outputRate: OutputRate;
  /** Whether the link's rate is measured, not given. */
  readonly isLinkMeasured: boolean;
}

/** Context of a metered output. */
export interface MeteredOutputContext extends Pick<RecordWriterOptions, 'output' | 'packer' | 'life'> {
  readonly settings: EncoderSettings;
  readonly threads: Threads;
  /** Returns the number of threads that work now. */
  readonly workingThreads: () => number;
  /** When the stream began, by `settings.clock`. */
  readonly startedAt: number;
}

/** Create the writer of a stream's records, and the meters of its writes and stages. */
export function createMeteredOutput(context: MeteredOutputContext): MeteredOutput {
  const { output, packer, life, settings, threads, workingThreads, startedAt } = context;
  const { clock, maxWrites, strategy, linkBitsPerSecond } = settings;
  const link = linkBitsPerSecond === 'measured' ? new LinkMeter() : undefined;
  const given = linkBitsPerSecond === 'measured' ? undefined : linkBitsPerSecond;
  const outputRate = new OutputRate(() => given ?? link!.bitsPerSecond);
  let busyBeforeMs = 0;
  const onWritten = (bytes: number, startMs: number, endMs: number) => {
    const busyMs = meter.callingBusyMs - busyBeforeMs;
    busyBeforeMs += busyMs;
    const behind = writer.waitingBytes - bytes;
    // With one thread nothing waits behind a write, since nothing is packed meanwhile.
    link?.recordWrite(bytes, startMs, endMs, busyMs, behind > 0 || settings.threads === 1);
    outputRate.recordWrite(bytes, endMs, behind, busyMs);
    meter.written(bytes, startMs - startedAt, endMs - startedAt);
  };
  const writer = new RecordWriter({ output, maxWrites, packer, onWritten, clock, life });
  const timeline = settings.timeline && new Timeline({ ...settings.timeline, linkBitsPerSecond: given });
  const meter = new StageMeter({
    elapsedMs: () => clock() - startedAt,
    cores: new CoreMeter(settings.threads, availableCores(), workingThreads),
    timeline,
    threads,
    strategy,
    waitingBytes: () => writer.waitingBytes,
  });
  return { writer, meter, timeline, outputRate, isLinkMeasured: link !== undefined };
}
