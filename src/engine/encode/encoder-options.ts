import type { Zstd } from '../../codec/zstd.js';
import { badArgument } from '../../page/error.js';
import { checkOptions, type OptionTypes } from '../../page/options.js';
import { strategyOf } from '../../strategy/check-strategy.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import type { Strategy } from '../../strategy/strategy.js';
import { PAGE_BYTES, type PageBytes } from '../../stream/format.js';
import { TABLE_TARGET_BYTES } from '../frame/frame-builder.js';
import { checkImageBytes, checkInteger, checkRange, MAX_ENCODED_GROUP_BYTES } from '../options.js';
import { usefulThreads } from '../threads/available-cores.js';
import { DEFAULT_MAX_GROUP_BYTES } from './encode-queue.js';

const MIB = 1 << 20;
/** Bytes by which a group may exceed its maximum: the page that fills it. */
export const GROUP_SLACK = 1 << 17;
/** Maximum bytes of a frame in addition to its largest group. */
const FRAME_SLACK_BYTES = GROUP_SLACK + 2 * TABLE_TARGET_BYTES;
const MIN_GROUP_BYTES = 65536;
const MIN_FRAME_BYTES = 16384;
const DEFAULT_DELTA_BUDGET_BYTES = 256 * MIB;
const DEFAULT_INDEX_PAGES = 2 ** 18;
const DEFAULT_INTERVAL_MS = 250;
const MAX_TIMELINE_ROWS = 2048;
const MAX_NS_PER_BYTE = 1e9;

/** Options of an encoder. Every field has a default. */
export interface EncoderOptions {
  /** 4096, 16384 or 65536; default 4096. */
  readonly pageBytes?: number;
  /** A strategy or its name; default `adaptive`. */
  readonly strategy?: Strategy | string;
  /**
   * Rate of the link that carries the stream, in bit/s; default 1e9. `measured`: computed from the time that
   * the output's promises stay pending; for sockets and pipes, whose rate is unknown and may change.
   */
  readonly linkBitsPerSecond?: number | 'measured';
  /**
   * Speed of the destination, in ns per byte, or a function that returns its latest report; called once a
   * segment. `adaptive` then sends no faster than the destination can decode. Default: no limit.
   */
  readonly destination?: DestinationSpeed | (() => DestinationSpeed | undefined);
  /**
   * Number of threads, 1 … 16; default 1: the calling thread. More than 1 needs Node. A process that may use
   * only one core gets one thread.
   */
  readonly threads?: number;
  /**
   * Memory for the previous versions of pages whose source has no `readAt`, in bytes, at most 2 GiB; default
   * 256 MiB, touched as needed. Without it a page gets no delta, but its digest still shows that it is
   * unchanged.
   */
  readonly deltaBudgetBytes?: number;
  /**
   * Capacity of the page index (fingerprints and sketches), in pages, rounded up to a power of two; default
   * 2^18. Takes 64 bytes a page.
   */
  readonly indexPages?: number;
  /**
   * Maximum size of a frame, in bytes, unpacked and with its table; default 10.1 MiB, with `smallest` 130.1
   * MiB; at least 16 KiB and two pages. A reader needs this much memory, and `PageReader` unpacks as much for
   * one page. Readers of earlier versions accept 32 MiB by default.
   */
  readonly maxFrameBytes?: number;
  /**
   * Maximum number of output calls whose promises are pending at the same time, 1 … 4; default 1. Use 2 for a
   * file with positioned writes: the second write keeps the file busy until the thread can start another.
   */
  readonly maxWrites?: number;
  /**
   * Bytes of all images that the stream will have; default 0: unknown. `adaptive` then knows how much work
   * follows the current image. A wrong number costs time only.
   */
  readonly expectedBytes?: number;
  /** Maximum bytes of all carried images together; default 16 TiB, as for a decoder. */
  readonly maxImageBytes?: number;
  /** Whether to search for identical pages, so that each is sent once; default true. */
  readonly dedup?: boolean;
  /** Whether to search for similar pages, for deltas; default true. Takes about a microsecond a page. */
  readonly similar?: boolean;
  /**
   * Whether the summary has a timeline: the work of each stage and the bottleneck, one row for each
   * `intervalMs` (default 250). Above `maxRows` rows (default and maximum 2048), every two are merged.
   * Default false.
   */
  readonly timeline?: boolean | { readonly intervalMs?: number; readonly maxRows?: number };
  /** A clock in milliseconds with any origin; default `performance.now`. */
  readonly clock?: () => number;
  /** The zstd to use; default the best available one. `null`: none; LZ4 replaces it. */
  readonly zstd?: Zstd | null;
  /** Aborts the encoder: every call rejects with the signal's reason, and the threads end. */
  readonly signal?: AbortSignal;
}

const OPTION_TYPES: OptionTypes<EncoderOptions> = {
  pageBytes: 'number',
  strategy: 'any',
  linkBitsPerSecond: 'any',
  destination: 'any',
  threads: 'number',
  deltaBudgetBytes: 'number',
  indexPages: 'number',
  maxFrameBytes: 'number',
  maxWrites: 'number',
  expectedBytes: 'number',
  maxImageBytes: 'number',
  dedup: 'boolean',
  similar: 'boolean',
  timeline: 'any',
  clock: 'function',
  zstd: 'any',
  signal: 'any',
};

/** Checked encoder options, with defaults filled in. */
export interface EncoderSettings {
  readonly pageBytes: PageBytes;
  readonly strategy: Strategy;
  readonly linkBitsPerSecond: number | 'measured';
  readonly destination: () => DestinationSpeed | undefined;
  readonly threads: number;
  readonly deltaBudgetBytes: number;
  readonly indexSlots: number;
  readonly maxWrites: number;
  readonly expectedBytes: number;
  readonly maxImageBytes: number;
  /** Maximum bytes of a group of pages. */
  readonly maxGroupBytes: number;
  /** Maximum bytes of an unpacked frame, which the stream's header announces. */
  readonly maxFrameBytes: number;
  /** The option `maxFrameBytes`; Infinity if absent: the limits on groups and tables are lower then. */
  readonly frameLimitBytes: number;
  readonly dedup: boolean;
  readonly similar: boolean;
  readonly clock: () => number;
  readonly timeline: { readonly intervalMs: number; readonly maxRows: number } | undefined;
}

/**
 * Check options and fill in defaults. @throws PageferryError `bad-argument` that names the option and its
 * bounds
 */
export function encoderSettings(options: EncoderOptions): EncoderSettings {
  checkOptions('createEncoder', options, OPTION_TYPES);
  const { pageBytes = 4096, strategy = 'adaptive', dedup = true } = options;
  if (!PAGE_BYTES.includes(pageBytes as PageBytes))
    throw badArgument(`pageBytes: expected one of ${PAGE_BYTES.join(', ')}, got ${pageBytes}`);
  const indexPages = checkRange('indexPages', options.indexPages ?? DEFAULT_INDEX_PAGES, 1, 2 ** 26);
  const deltaBudgetBytes = options.deltaBudgetBytes ?? DEFAULT_DELTA_BUDGET_BYTES;
  const chosen = strategyOf(strategy);
  return {
    pageBytes: pageBytes as PageBytes,
    strategy: chosen,
    ...frameLimits(chosen, pageBytes, options.maxFrameBytes),
    linkBitsPerSecond: checkLinkRate(options.linkBitsPerSecond ?? 1e9),
    destination: destinationOption(options.destination),
    threads: usefulThreads(checkInteger('threads', options.threads ?? 1, 1, 16)),
    deltaBudgetBytes: checkInteger('deltaBudgetBytes', deltaBudgetBytes, 0, 2048 * MIB),
    indexSlots: 2 ** Math.max(10, Math.ceil(Math.log2(indexPages))),
    maxWrites: checkInteger('maxWrites', options.maxWrites ?? 1, 1, 4),
    expectedBytes: checkRange('expectedBytes', options.expectedBytes ?? 0, 0, Number.MAX_SAFE_INTEGER),
    maxImageBytes: checkImageBytes(options.maxImageBytes),
    dedup,
    similar: dedup && (options.similar ?? true),
    clock: options.clock ?? (() => performance.now()),
    timeline: timelineSettings(options.timeline),
  };
}

function frameLimits(
  strategy: Strategy,
  pageBytes: number,
  option: number | undefined,
): Pick<EncoderSettings, 'maxGroupBytes' | 'maxFrameBytes' | 'frameLimitBytes'> {
  const maxGroupBytes = checkInteger(
    'strategy.maxGroupBytes',
    strategy.maxGroupBytes ?? DEFAULT_MAX_GROUP_BYTES,
    MIN_GROUP_BYTES,
    MAX_ENCODED_GROUP_BYTES,
  );
  const largest = maxGroupBytes + FRAME_SLACK_BYTES;
  if (option === undefined) return { maxGroupBytes, maxFrameBytes: largest, frameLimitBytes: Infinity };
  const minBytes = Math.max(MIN_FRAME_BYTES, 2 * pageBytes);
  const maxFrameBytes = Math.min(largest, checkInteger('maxFrameBytes', option, minBytes, 2 ** 32 - 1));
  return {
    maxGroupBytes: Math.min(maxGroupBytes, maxFrameBytes),
    maxFrameBytes,
    frameLimitBytes: maxFrameBytes,
  };
}

function timelineSettings(option: EncoderOptions['timeline']): EncoderSettings['timeline'] {
  if (!option) return undefined;
  const { intervalMs = DEFAULT_INTERVAL_MS, maxRows = MAX_TIMELINE_ROWS } = option === true ? {} : option;
  return {
    intervalMs: checkRange('timeline.intervalMs', intervalMs, 1, 1e9),
    maxRows: checkInteger('timeline.maxRows', maxRows, 1, MAX_TIMELINE_ROWS),
  };
}

function checkLinkRate(rate: number | 'measured'): number | 'measured' {
  return rate === 'measured' ? rate : checkRange('linkBitsPerSecond', rate, 1, 1e15);
}

function destinationOption(option: EncoderOptions['destination']): EncoderSettings['destination'] {
  if (typeof option === 'function') return () => checkedDestination(option());
  const speed = checkedDestination(option);
  return () => speed;
}

function checkedDestination(speed: DestinationSpeed | undefined): DestinationSpeed | undefined {
  if (!speed) return undefined;
  checkRange('destination.nsPerPageByte', speed.nsPerPageByte, 0, MAX_NS_PER_BYTE);
  for (const [name, ns] of Object.entries(speed.unpackNsPerByte))
    checkRange(`destination.unpackNsPerByte.${name}`, ns, 0, MAX_NS_PER_BYTE);
  return speed;
}
