// Measures every strategy on every workload, and recommends one for each link.
import type { PageObserver } from '../../engine/decode/image-decoder.js';
import type { PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import { type Measured, measureStrategy } from './measure.js';
import {
  breakEvenBitsPerSecond,
  type ModelLink,
  marginalSteps,
  type PackingMeasure,
  paretoFront,
  pipelinedTime,
  sendMs,
} from './model.js';
import { PageMapper } from './page-map.js';
import type {
  Advice,
  ReportOrigin,
  RoundReport,
  StrategyReport,
  TradeoffReport,
  WorkloadReport,
} from './report.js';

/** Strategies that do not depend on the link; the first is the reference for the others. */
const FIXED_STRATEGIES = [
  'fixed:raw',
  'fixed:zero-aware',
  'fixed:wkdm',
  'fixed:lz4',
  'fixed:zstd:1',
  'fixed:zstd:3',
  'fixed:zstd:9',
  'characteristic',
  'mecom',
] as const;
const ADAPTIVE = 'adaptive';

/** Images measured together: one, or a series of one guest. Sources need `readAt`. */
export interface Workload {
  readonly name: string;
  open(): Promise<readonly PageSource[]> | readonly PageSource[];
  close?(): void;
}

export interface TradeoffOptions {
  /** In bit/s, slowest first. */
  readonly links: readonly number[];
  readonly threads: number;
  readonly pageBytes?: number;
  readonly origin: ReportOrigin;
  readonly clock?: () => number;
  /** Returns the CPU time of the process with all its threads, in ms. */
  readonly cpuClock: () => number;
  /** Measurements of each strategy, in turns; the median counts. Default 3. */
  readonly runs?: number;
  readonly onProgress?: (text: string) => void;
  /** Aborts the measurements. */
  readonly signal?: AbortSignal;
}

/**
 * Measure all workloads in sequence.
 * @throws PageferryError as thrown by a source or the engine; the reason of `signal` when it aborts
 */
export async function measureTradeoff(
  workloads: readonly Workload[],
  options: TradeoffOptions,
): Promise<TradeoffReport> {
  const reports: WorkloadReport[] = [];
  for (const workload of workloads) {
    throwIfAborted(options.signal);
    try {
      reports.push(await measureWorkload(workload.name, await workload.open(), options));
    } finally {
      workload.close?.();
    }
  }
  return { origin: options.origin, links: options.links, workloads: reports };
}

async function measureWorkload(
  name: string,
  sources: readonly PageSource[],
  options: TradeoffOptions,
): Promise<WorkloadReport> {
  const { links, pageBytes = 4096 } = options;
  const names = options.origin.zstd
    ? FIXED_STRATEGIES
    : FIXED_STRATEGIES.filter((strategy) => !strategy.startsWith('fixed:zstd'));
  const mapper = new PageMapper();
  const tasks: Task[] = [
    ...names.map((strategy) => ({ strategy, link: 1e9 })),
    ...links.map((link, i) => ({ strategy: ADAPTIVE, link, ...(i === 0 && { observe: mapper.observe }) })),
  ];
  const medians = await inTurns(name, sources, tasks, options);
  const fixed = medians.slice(0, names.length);
  const adaptive = medians.slice(names.length);

  const front = paretoFront(fixed.map((one) => one.measure));
  const strategies: StrategyReport[] = [
    ...fixed.map((one) => fixedReport(one.measure, fixed[0]!.measure, front, links)),
    {
      name: ADAPTIVE,
      adaptive: true,
      onFront: false,
      breakEvenBitsPerSecond: undefined,
      atLinks: adaptive.map((one, i) => atLink(one.measure, links[i]!)),
    },
  ];
  const { pages, bytesIn } = fixed[0]!.measure;
  const rounds = sources.map(
    (source, i): RoundReport => ({
      name: source.name,
      bytesIn: fixed[0]!.summary.images[i]!.bytesIn,
      bytesOut: [...fixed, adaptive[0]!].map(({ summary }) => summary.images[i]!.bytesOut),
    }),
  );
  const advice = links.map((_, i) => adviceAt(i, links, strategies, bytesIn));
  return {
    name,
    pageBytes,
    pages,
    bytesIn,
    strategies,
    steps: marginalSteps(front),
    advice,
    map: mapper.map(sources.at(-1)!.name),
    rounds,
    timeline: adaptive[0]!.summary.timeline ?? [],
  };
}

interface Task {
  readonly strategy: string;
  readonly link: number;
  readonly observe?: PageObserver;
}

/**
 * Run every task several times, in turns, and return the medians by encoding time. A first run warms up.
 */
async function inTurns(
  name: string,
  sources: readonly PageSource[],
  tasks: readonly Task[],
  {
    threads,
    cpuClock,
    pageBytes = 4096,
    clock = () => performance.now(),
    runs = 3,
    onProgress,
    signal,
  }: TradeoffOptions,
): Promise<Measured[]> {
  const measure = ({ strategy, link, observe }: Task) =>
    measureStrategy(strategy, sources, {
      strategy: strategy,
      linkBitsPerSecond: link,
      threads,
      pageBytes,
      clock,
      cpuClock,
      ...(observe && { observe }),
      ...(signal && { signal }),
    });
  await measure(tasks[0]!);
  const taken: Measured[][] = tasks.map(() => []);
  for (let run = 0; run < runs; run++)
    for (const [i, task] of tasks.entries()) {
      onProgress?.(`${name}: ${task.strategy}${runs > 1 ? `, run ${run + 1} of ${runs}` : ''}`);
      taken[i]!.push(await measure(task));
    }
  return taken.map((all) => all.sort((a, b) => a.measure.encodeMs - b.measure.encodeMs)[all.length >> 1]!);
}

function atLink(measure: PackingMeasure, bitsPerSecond: number) {
  const link: ModelLink = { bitsPerSecond };
  return { measure, time: pipelinedTime(measure, link) };
}

function fixedReport(
  measure: PackingMeasure,
  raw: PackingMeasure,
  front: readonly PackingMeasure[],
  links: readonly number[],
): StrategyReport {
  return {
    name: measure.name,
    adaptive: false,
    onFront: front.includes(measure),
    breakEvenBitsPerSecond: measure === raw ? undefined : breakEvenBitsPerSecond(measure, raw),
    atLinks: links.map((link) => atLink(measure, link)),
  };
}

/** Recommends the strategy that arrives first; of those within 2 %, the one with the least CPU time. */
function adviceAt(
  i: number,
  links: readonly number[],
  strategies: readonly StrategyReport[],
  bytesIn: number,
): Advice {
  const linkBitsPerSecond = links[i]!;
  const totalMs = (strategy: StrategyReport) => strategy.atLinks[i]!.time.totalMs;
  const best = Math.min(...strategies.map(totalMs));
  const [use] = strategies
    .filter((strategy) => totalMs(strategy) <= 1.02 * best)
    .sort((a, b) => a.atLinks[i]!.measure.cpuMs - b.atLinks[i]!.measure.cpuMs);
  const { measure, time } = use!.atLinks[i]!;
  return {
    linkBitsPerSecond,
    use: use!.name,
    totalMs: time.totalMs,
    rawMs: sendMs(bytesIn, { bitsPerSecond: linkBitsPerSecond }),
    bytesOut: measure.bytesOut,
    cpuMs: measure.cpuMs,
  };
}
