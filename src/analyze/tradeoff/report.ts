import type { PageClass } from '../../codec/codec.js';
import type { TimelineRow } from '../timeline.js';
import type { MarginalStep, PackingMeasure, PipelinedTime } from './model.js';

/** Report of `pageferry tradeoff`: the source of its terminal summary, JSON and HTML page. */
export interface TradeoffReport {
  readonly origin: ReportOrigin;
  /** Link rates in bit/s, slowest first. */
  readonly links: readonly number[];
  readonly workloads: readonly WorkloadReport[];
}

/** Origin of a report. */
export interface ReportOrigin {
  /** ISO 8601. */
  readonly at: string;
  readonly command: string;
  readonly version: string;
  readonly runtime: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Packing threads. */
  readonly threads: number;
  /** Name of the zstd implementation, if any. */
  readonly zstd: string | undefined;
}

/** A workload: one image, or a series of images of one guest. */
export interface WorkloadReport {
  readonly name: string;
  readonly pageBytes: number;
  readonly pages: number;
  readonly bytesIn: number;
  readonly strategies: readonly StrategyReport[];
  /** What each further µs of CPU a page saves, along the Pareto front of the fixed strategies. */
  readonly steps: readonly MarginalStep[];
  /** One a link, in the order of `links`. */
  readonly advice: readonly Advice[];
  readonly map: PageMap;
  /** One an image. */
  readonly rounds: readonly RoundReport[];
  /** What the adaptive strategy did over time, at the first link. */
  readonly timeline: readonly TimelineRow[];
}

/** A strategy on a workload. */
export interface StrategyReport {
  readonly name: string;
  /** Whether its decisions depend on the link. */
  readonly adaptive: boolean;
  /** Whether no fixed strategy is better in both CPU time and bytes. */
  readonly onFront: boolean;
  /**
   * Link rate above which raw is faster; Infinity: never, 0: always. Undefined for raw and for adaptive
   * strategies, which change to raw themselves.
   */
  readonly breakEvenBitsPerSecond: number | undefined;
  /** One a link, in the order of `links`; a fixed strategy has the same measure at every link. */
  readonly atLinks: readonly { readonly measure: PackingMeasure; readonly time: PipelinedTime }[];
}

/** Recommendation at one link. */
export interface Advice {
  readonly linkBitsPerSecond: number;
  readonly use: string;
  readonly totalMs: number;
  /** Time to send every byte uncompressed. */
  readonly rawMs: number;
  readonly bytesOut: number;
  readonly cpuMs: number;
}

/** Map of the last image, in cells of `cellPages` pages: the most frequent class and codec of each cell. */
export interface PageMap {
  readonly image: string;
  readonly pages: number;
  readonly cellPages: number;
  readonly cells: readonly { readonly class: PageClass; readonly codec: string }[];
  /** Pages by codec, over the whole image. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * One image of a series: its bytes, and its encoded bytes by strategy (in the order of `strategies`; adaptive
 * ones at the first link).
 */
export interface RoundReport {
  readonly name: string;
  readonly bytesIn: number;
  readonly bytesOut: readonly number[];
}
