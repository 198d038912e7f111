import type { PageClass } from '../../codec/codec.js';
import type { MarginalStep, PackingMeasure, PipelinedTime } from './model.js';

/** What `pageferry tradeoff` found: all that its terminal summary, its JSON and its page are made of. */
export interface TradeoffReport {
  readonly made: MadeBy;
  /** Link rates that were asked about, in bit/s, slowest first. */
  readonly links: readonly number[];
  readonly workloads: readonly WorkloadReport[];
}

/** Where, when and how a report was made. */
export interface MadeBy {
  /** ISO 8601. */
  readonly at: string;
  readonly command: string;
  readonly version: string;
  readonly runtime: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Threads that packed. */
  readonly threads: number;
  /** What zstd was at hand, if any. */
  readonly zstd: string | undefined;
}

/** One workload: an image, or a series of images of one guest over time. */
export interface WorkloadReport {
  readonly name: string;
  readonly pageBytes: number;
  readonly pages: number;
  readonly bytesIn: number;
  readonly ways: readonly WayReport[];
  /** What each further microsecond of CPU a page buys, along the Pareto front of the fixed ways. */
  readonly steps: readonly MarginalStep[];
  /** One a link, in the order of `links`. */
  readonly advice: readonly Advice[];
  readonly map: PageMap;
  /** One an image. */
  readonly rounds: readonly RoundReport[];
}

/** A strategy on a workload. */
export interface WayReport {
  readonly name: string;
  /** Whether what it does depends on the link. */
  readonly adaptive: boolean;
  /** Whether no fixed way is better in both, CPU time and bytes. */
  readonly onFront: boolean;
  /** The link rate above which raw is faster; Infinity: never, 0: always. Undefined of raw itself, and of adaptive ways, which turn to it. */
  readonly breakEvenBitsPerSecond: number | undefined;
  /** One a link, in the order of `links`; of a fixed way the measure is the same throughout. */
  readonly atLinks: readonly { readonly measure: PackingMeasure; readonly time: PipelinedTime }[];
}

/** At one link: use this, it saves that, it costs this much. */
export interface Advice {
  readonly linkBitsPerSecond: number;
  readonly use: string;
  readonly totalMs: number;
  /** Sending everything as it is. */
  readonly rawMs: number;
  readonly bytesOut: number;
  readonly cpuMs: number;
}

/** The last image, in cells of `cellPages` pages each: the class that most of a cell's pages have, and their codec. */
export interface PageMap {
  readonly image: string;
  readonly pages: number;
  readonly cellPages: number;
  readonly cells: readonly { readonly class: PageClass; readonly codec: string }[];
  /** Pages by codec, over the whole image. */
  readonly counts: Readonly<Record<string, number>>;
}

/** One image of a series: its bytes, and what each way made of it (in the order of `ways`; adaptive ones at the first link). */
export interface RoundReport {
  readonly name: string;
  readonly bytesIn: number;
  readonly bytesOut: readonly number[];
}
