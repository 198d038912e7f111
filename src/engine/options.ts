import type { Zstd } from '../codec/zstd.js';
import { type Kernels, loadKernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';
import { strategyByName } from '../strategy/registry.js';
import type { Strategy } from '../strategy/strategy.js';
import { PAGE_BYTES, type PageBytes } from '../stream/format.js';

const MIB = 1 << 20;

/** How to encode. Every field has a default. */
export interface EncoderOptions {
  /** 4096, 16384 or 65536; default 4096. */
  readonly pageBytes?: number;
  /** A strategy or its name; default `adaptive`. */
  readonly strategy?: Strategy | string;
  /**
   * The link that the stream is for; default 1e9. `measured`: whatever the output turns out to take, by how long its promises stay
   * open; for sockets and pipes, whose rate nobody has to know and which may change on the way.
   */
  readonly linkBitsPerSecond?: number | 'measured';
  /** Threads that pack, at most 16; default 1: all on the calling thread. More need Node. */
  readonly threads?: number;
  /**
   * Memory for the last versions of pages whose source cannot be read again, in bytes, at most 2 GiB; default 256 MiB, only
   * used as far as needed. Past it, unchanged pages are still found by digest.
   */
  readonly deltaBudgetBytes?: number;
  /** Pages that the fingerprint index has room for, rounded up to a power of two; default 2^18. 64 bytes a page. */
  readonly indexPages?: number;
  /** Whether identical pages are sent once; default true. */
  readonly dedup?: boolean;
  /** Whether deltas against similar pages are looked for; default true. Costs about a microsecond a page. */
  readonly similar?: boolean;
  /** Milliseconds, from any start; default the system's. */
  readonly clock?: () => number;
  /** A zstd of your own; default the best at hand. `null`: none. */
  readonly zstd?: Zstd | null;
}

/** Options, checked and whole. */
export interface EncoderSettings {
  readonly pageBytes: PageBytes;
  readonly strategy: Strategy;
  readonly linkBitsPerSecond: number | 'measured';
  readonly threads: number;
  readonly deltaBudgetBytes: number;
  readonly indexSlots: number;
  readonly dedup: boolean;
  readonly similar: boolean;
  readonly clock: () => number;
}

/** Kernels with as much memory as options come to. @throws PageferryError `limit` when there is not that much; `options` names them */
export async function kernelsWithin(memoryBytes: number, options: string): Promise<Kernels> {
  try {
    return await loadKernels(memoryBytes);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new PageferryError(
      'limit',
      `${options}: ${memoryBytes} bytes of memory are needed: ${cause.message}`,
      { cause },
    );
  }
}

/** @throws PageferryError `bad-argument` that names the option and what it has to be */
export function encoderSettings(options: EncoderOptions): EncoderSettings {
  const { pageBytes = 4096, strategy = 'adaptive', dedup = true } = options;
  if (!PAGE_BYTES.includes(pageBytes as PageBytes))
    throw new PageferryError(
      'bad-argument',
      `pageBytes: expected one of ${PAGE_BYTES.join(', ')}, got ${pageBytes}`,
    );
  const indexPages = within('indexPages', options.indexPages ?? 1 << 18, 1, 2 ** 26);
  return {
    pageBytes: pageBytes as PageBytes,
    strategy: typeof strategy === 'string' ? strategyByName(strategy) : strategy,
    linkBitsPerSecond: linkRate(options.linkBitsPerSecond ?? 1e9),
    threads: whole('threads', options.threads ?? 1, 1, 16),
    deltaBudgetBytes: whole('deltaBudgetBytes', options.deltaBudgetBytes ?? 256 * MIB, 0, 2048 * MIB),
    indexSlots: 2 ** Math.max(10, Math.ceil(Math.log2(indexPages))),
    dedup,
    similar: dedup && (options.similar ?? true),
    clock: options.clock ?? (() => performance.now()),
  };
}

function linkRate(rate: number | 'measured'): number | 'measured' {
  return rate === 'measured' ? rate : within('linkBitsPerSecond', rate, 1, 1e15);
}

function within(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new PageferryError('bad-argument', `${name}: expected ${least} … ${most}, got ${value}`);
}

/** A whole number within bounds. @throws PageferryError `bad-argument` that names the option */
export function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value)) return within(name, value, least, most);
  throw new PageferryError('bad-argument', `${name}: expected a whole number, got ${value}`);
}
