import { createDecoder } from '../../engine/decode/create-decoder.js';
import type { PageObserver } from '../../engine/decode/image-decoder.js';
import { createEncoder } from '../../engine/encode/create-encoder.js';
import type { StreamSummary } from '../../engine/encode/summary.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink, PageSource } from '../../page/source.js';
import type { Strategy } from '../../strategy/strategy.js';
import type { Departure, PackingMeasure } from './model.js';

/** How to measure; clocks are parameters, in ms from any start. */
export interface MeasureOptions {
  readonly strategy: Strategy | string;
  readonly linkBitsPerSecond: number;
  readonly threads: number;
  readonly pageBytes: number;
  readonly clock: () => number;
  /** CPU time of the process with all its threads. */
  readonly cpuClock: () => number;
  /** Hears how every page travelled. */
  readonly observe?: PageObserver;
}

/** A measure, and what it came from. */
export interface Measured {
  readonly measure: PackingMeasure;
  readonly summary: StreamSummary;
}

/** Bytes of a stream, kept in pieces of this size. */
const PIECE_BYTES = 8 << 20;

/**
 * Encodes images into one stream and decodes it again, and tells what both took. The output takes everything at once; the time for
 * keeping the bytes is taken off. Sources must be open for reading anywhere (`readAt`): they are read from their start.
 * @throws PageferryError when what is decoded is not what was encoded
 */
export async function measureWay(
  name: string,
  sources: readonly PageSource[],
  options: MeasureOptions,
): Promise<Measured> {
  const { clock, cpuClock } = options;
  const startedMs = clock();
  const kept = new Kept(clock, cpuClock, startedMs);
  const startedCpuMs = cpuClock();
  const encoder = await createEncoder((parts) => kept.take(parts), {
    strategy: options.strategy,
    linkBitsPerSecond: options.linkBitsPerSecond,
    threads: options.threads,
    pageBytes: options.pageBytes,
    deltaBudgetBytes: 0,
    indexPages: indexPages(sources, options.pageBytes),
    similar: sources.length > 1,
    clock,
  });
  let summary: StreamSummary;
  try {
    for (const source of sources) await encoder.encode(rewound(source));
    summary = await encoder.finish();
  } finally {
    await encoder.close();
  }
  const encodeMs = clock() - startedMs - kept.ms;
  const cpuMs = cpuClock() - startedCpuMs - kept.cpuMs;
  const decodeMs = await decode(kept.pieces, sources, summary, options);
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
      frames: kept.departures.length,
      departures: kept.departures,
    },
    summary,
  };
}

/** Room in the index for all pages, within what it allows. */
function indexPages(sources: readonly PageSource[], pageBytes: number): number {
  const pages = sources.reduce((sum, { bytes = 0 }) => sum + bytes / pageBytes, 0);
  return Math.min(Math.max(pages, 1024), 2 ** 22);
}

/** Milliseconds; every image has to be the one that went in. */
async function decode(
  pieces: readonly Uint8Array[],
  sources: readonly PageSource[],
  summary: StreamSummary,
  { clock, observe }: MeasureOptions,
): Promise<number> {
  const startedMs = clock();
  const decoder = await createDecoder((_, image) => echo(sources[image]!), { ...(observe && { observe }) });
  for (const piece of pieces) decoder.push(piece);
  const { images } = await decoder.finish();
  const decodeMs = clock() - startedMs;
  images.forEach(({ digest, name }, i) => {
    const sent = summary.images[i]!.digest;
    if (!digest.every((byte, at) => byte === sent[at]))
      throw new PageferryError('bad-stream', `${name}: arrived with other bytes`);
  });
  return decodeMs;
}

/** A source from its start on, however far it was read before. */
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

/** Keeps nothing: what was written can be read again where it came from, since the digest proves in the end that it is the same. */
function echo(source: PageSource): PageSink {
  return {
    write() {},
    zero() {},
    readAt: (into, position) => source.readAt!(into, position),
    finish() {},
    abort() {},
  };
}

/** A stream in memory. */
class Kept {
  readonly pieces: Uint8Array[] = [];
  readonly departures: Departure[] = [];
  /** What keeping took. */
  ms = 0;
  cpuMs = 0;
  private piece = new Uint8Array(0);
  private used = 0;

  constructor(
    private readonly clock: () => number,
    private readonly cpuClock: () => number,
    private readonly startedMs: number,
  ) {}

  take(parts: readonly Uint8Array[]): void {
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
      if (this.used === this.piece.length) {
        this.piece = new Uint8Array(PIECE_BYTES);
        this.used = 0;
        this.pieces.push(this.piece);
      }
      const take = Math.min(part.length - done, this.piece.length - this.used);
      this.piece.set(part.subarray(done, done + take), this.used);
      this.used += take;
      done += take;
      // A piece is as long as what it holds.
      this.pieces[this.pieces.length - 1] = this.piece.subarray(0, this.used);
    }
  }
}
