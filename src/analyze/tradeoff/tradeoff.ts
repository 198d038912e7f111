// Measures every way of packing on every workload and says which pays at which link.
import type { PageObserver } from '../../engine/decode/image-decoder.js';
import type { PageSource } from '../../page/source.js';
import { type Measured, measureWay } from './measure.js';
import {
  breakEvenBitsPerSecond,
  type Link,
  marginalSteps,
  type PackingMeasure,
  paretoFront,
  pipelinedTime,
  sendMs,
} from './model.js';
import { PageMapper } from './page-map.js';
import type { Advice, MadeBy, RoundReport, TradeoffReport, WayReport, WorkloadReport } from './report.js';

/** Ways that do the same whatever the link is; the first is what all others are compared with. */
const FIXED_WAYS = [
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

/** Images that belong together: one, or one guest over time. `readAt` must be there. */
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
  readonly made: MadeBy;
  readonly clock?: () => number;
  /** CPU time of the process with all its threads, in ms. */
  readonly cpuClock: () => number;
  /** How often each way is measured, all taking turns; the median counts. Default 3. */
  readonly runs?: number;
  readonly progress?: (text: string) => void;
}

/** Measures all workloads, one after the other. @throws PageferryError what a source or the engine fails with */
export async function measureTradeoff(
  workloads: readonly Workload[],
  options: TradeoffOptions,
): Promise<TradeoffReport> {
  const reports: WorkloadReport[] = [];
  for (const workload of workloads) {
    try {
      reports.push(await measureWorkload(workload.name, await workload.open(), options));
    } finally {
      workload.close?.();
    }
  }
  return { made: options.made, links: options.links, workloads: reports };
}

async function measureWorkload(
  name: string,
  sources: readonly PageSource[],
  options: TradeoffOptions,
): Promise<WorkloadReport> {
  const { links, pageBytes = 4096 } = options;
  const names = options.made.zstd ? FIXED_WAYS : FIXED_WAYS.filter((way) => !way.startsWith('fixed:zstd'));
  const mapper = new PageMapper();
  const tasks: Task[] = [
    ...names.map((way) => ({ way, link: 1e9 })),
    ...links.map((link, i) => ({ way: ADAPTIVE, link, ...(i === 0 && { observe: mapper.observe }) })),
  ];
  const medians = await inTurns(name, sources, tasks, options);
  const fixed = medians.slice(0, names.length);
  const adaptive = medians.slice(names.length);

  const front = paretoFront(fixed.map((one) => one.measure));
  const ways: WayReport[] = [
    ...fixed.map((one) => fixedWay(one.measure, fixed[0]!.measure, front, links)),
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
  const advice = links.map((_, i) => adviceAt(i, links, ways, bytesIn));
  return {
    name,
    pageBytes,
    pages,
    bytesIn,
    ways,
    steps: marginalSteps(front),
    advice,
    map: mapper.map(sources.at(-1)!.name),
    rounds,
  };
}

interface Task {
  readonly way: string;
  readonly link: number;
  readonly observe?: PageObserver;
}

/** Every task several times, the median by the time that it took to encode. What comes first pays for everybody's warm-up. */
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
    progress,
  }: TradeoffOptions,
): Promise<Measured[]> {
  const measure = ({ way, link, observe }: Task) =>
    measureWay(way, sources, {
      strategy: way,
      linkBitsPerSecond: link,
      threads,
      pageBytes,
      clock,
      cpuClock,
      ...(observe && { observe }),
    });
  await measure(tasks[0]!);
  const taken: Measured[][] = tasks.map(() => []);
  for (let run = 0; run < runs; run++)
    for (const [i, task] of tasks.entries()) {
      progress?.(`${name}: ${task.way}${runs > 1 ? `, run ${run + 1} of ${runs}` : ''}`);
      taken[i]!.push(await measure(task));
    }
  return taken.map((all) => all.sort((a, b) => a.measure.encodeMs - b.measure.encodeMs)[all.length >> 1]!);
}

function atLink(measure: PackingMeasure, bitsPerSecond: number) {
  const link: Link = { bitsPerSecond };
  return { measure, time: pipelinedTime(measure, link) };
}

function fixedWay(
  measure: PackingMeasure,
  raw: PackingMeasure,
  front: readonly PackingMeasure[],
  links: readonly number[],
): WayReport {
  return {
    name: measure.name,
    adaptive: false,
    onFront: front.includes(measure),
    breakEvenBitsPerSecond: measure === raw ? undefined : breakEvenBitsPerSecond(measure, raw),
    atLinks: links.map((link) => atLink(measure, link)),
  };
}

/** The way that arrives first; where several do, within two per cent, the one that costs the least CPU time. */
function adviceAt(i: number, links: readonly number[], ways: readonly WayReport[], bytesIn: number): Advice {
  const linkBitsPerSecond = links[i]!;
  const totalMs = (way: WayReport) => way.atLinks[i]!.time.totalMs;
  const best = Math.min(...ways.map(totalMs));
  const [use] = ways
    .filter((way) => totalMs(way) <= 1.02 * best)
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
