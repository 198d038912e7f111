import { createDecoder } from '../../engine/decode/create-decoder.js';
import type { PageObserver } from '../../engine/decode/image-decoder.js';
import { createEncoder } from '../../engine/encode/create-encoder.js';
import type { StreamSummary } from '../../engine/encode/summary.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink, PageSource } from '../../page/source.js';
import type { Strategy } from '../../strategy/strategy.js';
import type { Departure, PackingMeasure } from './model.js';

/** Options of a measurement. Clocks return ms from any start. */
export interface MeasureOptions {
  readonly strategy: Strategy | string;
  readonly linkBitsPerSecond: number;
  readonly threads: number;
  readonly pageBytes: number;
  readonly clock: () => number;
  /** CPU time of the process with all its threads. */
  readonly cpuClock: () => number;
  /** Called with the codec of every page. */
  readonly observe?: PageObserver;
  /** Aborts the encoder and the decoder. */
  readonly signal?: AbortSignal;
}

/** A measurement, and the encoder’s summary. */
export interface Measured {
  readonly measure: PackingMeasure;
  readonly summary: StreamSummary;
}

/** Fine rows for images that take less than a second, at most as many as a chart can show. */
const TIMELINE = { intervalMs: 5, maxRows: 64 };
/** Bytes of a buffer of the recorded stream. */
const BUFFER_BYTES = 8 << 20;

/**
 * Measure a strategy: encode images into one stream and decode it. The output accepts everything at once;
 * the time to store the bytes is subtracted. Sources need `readAt` and are read from their start.
 * @throws PageferryError `bad-stream` when the decoded images differ; the reason of `signal` when it aborts
 */
export async function measureStrategy(
  name: string,
  sources: readonly PageSource[],
  options: MeasureOptions,
): Promise<Measured> {
  const { clock, cpuClock } = options;
  const startedMs = clock();
  const recorded = new RecordedStream(clock, cpuClock, startedMs);
  const startedCpuMs = cpuClock();
  const encoder = await createEncoder((parts) => recorded.record(parts), {
    strategy: options.strategy,
    linkBitsPerSecond: options.linkBitsPerSecond,
    threads: options.threads,
    pageBytes: options.pageBytes,
    deltaBudgetBytes: 0,
    expectedBytes: sources.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    indexPages: indexPages(sources, options.pageBytes),
    similar: sources.length > 1,
    timeline: TIMELINE,
    clock,
    ...(options.signal && { signal: options.signal }),
  });
  let summary: StreamSummary;
  try {
    for (const source of sources) await encoder.encode(rewound(source));
    summary = await encoder.finish();
  } finally {
    await encoder.close();
  }
  const encodeMs = clock() - startedMs - recorded.ms;
  const cpuMs = cpuClock() - startedCpuMs - recorded.cpuMs;
  const decodeMs = await decode(recorded.buffers, sources, summary, options);
  const { pages, bytesIn, bytesOut } = summary;
  return {
    measure: {
      name,
      pages,
      bytesIn,
      bytesOut,
      encodeMs,
      decodeMs,
      cpuMs,
      frames: recorded.departures.length,
      departures: recorded.departures,
    },
    summary,
  };
}

/** Return the index capacity for all pages, within its limits. */
function indexPages(sources: readonly PageSource[], pageBytes: number): number {
  const pages = sources.reduce((sum, { bytes = 0 }) => sum + bytes / pageBytes, 0);
  return Math.min(Math.max(pages, 1024), 2 ** 22);
}

/** Decode the stream and return the ms. Every image has to match its source. */
async function decode(
  buffers: readonly Uint8Array[],
  sources: readonly PageSource[],
  summary: StreamSummary,
  { clock, observe, signal }: MeasureOptions,
): Promise<number> {
  const startedMs = clock();
  const decoder = await createDecoder((_, image) => echo(sources[image]!), {
    ...(observe && { onPages: observe }),
    ...(signal && { signal }),
  });
  for (const buffer of buffers) await decoder.push(buffer);
  const { images } = await decoder.finish();
  const decodeMs = clock() - startedMs;
  images.forEach(({ digest, name }, i) => {
    const sent = summary.images[i]!.digest;
    if (!digest.every((byte, at) => byte === sent[at]))
      throw new PageferryError('bad-stream', `${name}: decoded image differs from its source`);
  });
  return decodeMs;
}

/** Wrap a source so that it is read from its start. */
function rewound(source: PageSource): PageSource {
  let position = 0;
  const { name, bytes } = source;
  const readAt = (into: Uint8Array, at: number) => source.readAt!(into, at);
  return {
    name,
    ...(bytes !== undefined && { bytes }),
    readAt,
    read(into) {
      const got = readAt(into, position);
      position += got;
      return got;
    },
  };
}

/**
 * A sink that stores nothing: reads go to the source, since the digest verifies in the end that both are
 * equal.
 */
function echo(source: PageSource): PageSink {
  return {
    write() {},
    zero() {},
    readAt: (into, position) => source.readAt!(into, position),
    finish() {},
    abort() {},
  };
}

/** A stream recorded in memory, with the times of its writes. */
class RecordedStream {
  readonly buffers: Uint8Array[] = [];
  readonly departures: Departure[] = [];
  /** Time that the recording itself took. */
  ms = 0;
  cpuMs = 0;
  private buffer = new Uint8Array(0);
  private used = 0;

  constructor(
    private readonly clock: () => number,
    private readonly cpuClock: () => number,
    private readonly startedMs: number,
  ) {}

  record(parts: readonly Uint8Array[]): void {
    const began = this.clock();
    const beganCpu = this.cpuClock();
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.departures.push({ atMs: began - this.startedMs - this.ms, bytes });
    for (const part of parts) this.append(part);
    this.ms += this.clock() - began;
    this.cpuMs += this.cpuClock() - beganCpu;
  }

  private append(part: Uint8Array): void {
    for (let done = 0; done < part.length; ) {
      if (this.used === this.buffer.length) {
        this.buffer = new Uint8Array(BUFFER_BYTES);
        this.used = 0;
        this.buffers.push(this.buffer);
      }
      const take = Math.min(part.length - done, this.buffer.length - this.used);
      this.buffer.set(part.subarray(done, done + take), this.used);
      this.used += take;
      done += take;
      // The last buffer is cut to its content.
      this.buffers[this.buffers.length - 1] = this.buffer.subarray(0, this.used);
    }
  }
}
