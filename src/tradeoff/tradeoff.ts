// A stand-in with the signature of what measures: numbers that look like some, from the images' sizes alone.
import type { PageSource } from '../page/source.js';
import { breakEvenBitsPerSecond, marginalSteps, type PackingMeasure, paretoFront, pipelinedTime, sendMs } from './model.js';
import type { MadeBy, TradeoffReport, WayReport, WorkloadReport } from './report.js';

export interface Workload {
  readonly name: string;
  open(): Promise<readonly PageSource[]> | readonly PageSource[];
  close?(): void;
}

export interface TradeoffOptions {
  readonly links: readonly number[];
  readonly threads: number;
  readonly pageBytes?: number;
  readonly made: MadeBy;
  readonly cpuClock: () => number;
  readonly progress?: (text: string) => void;
}

export async function measureTradeoff(workloads: readonly Workload[], options: TradeoffOptions): Promise<TradeoffReport> {
  const reports: WorkloadReport[] = [];
  for (const workload of workloads) reports.push(made(workload.name, await workload.open(), options));
  return { made: options.made, links: options.links, workloads: reports };
}

function made(name: string, sources: readonly PageSource[], { links, pageBytes = 4096 }: TradeoffOptions): WorkloadReport {
  const bytesIn = sources.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  const pages = Math.ceil(bytesIn / pageBytes);
  const measure = (way: string, us: number, left: number): PackingMeasure => {
    const ms = (pages * us) / 1000;
    return {
      name: way,
      pages,
      bytesIn,
      bytesOut: Math.round(bytesIn * left),
      encodeMs: ms,
      decodeMs: ms / 3,
      cpuMs: ms,
      frames: 8,
    };
  };
  const fixed = [measure('fixed:raw', 0.5, 0.6), measure('fixed:lz4', 3, 0.3), measure('fixed:zstd:3', 11, 0.2)];
  const front = paretoFront(fixed);
  const way = (one: PackingMeasure, adaptive: boolean): WayReport => ({
    name: adaptive ? 'adaptive' : one.name,
    adaptive,
    onFront: front.includes(one),
    breakEvenBitsPerSecond: adaptive || one === fixed[0] ? undefined : breakEvenBitsPerSecond(one, fixed[0]!),
    atLinks: links.map((bitsPerSecond) => ({ measure: one, time: pipelinedTime(one, { bitsPerSecond }) })),
  });
  const ways = [...fixed.map((one) => way(one, false)), way(fixed[2]!, true)];
  const advice = ways.at(-1)!.atLinks.map(({ measure: { bytesOut, cpuMs }, time }, i) => ({
    linkBitsPerSecond: links[i]!,
    use: 'adaptive',
    totalMs: time.totalMs,
    rawMs: sendMs(bytesIn, { bitsPerSecond: links[i]! }),
    bytesOut,
    cpuMs,
    text: '',
  }));
  const rounds = sources.map((source) => ({
    name: source.name,
    bytesIn: source.bytes ?? 0,
    bytesOut: ways.map(({ atLinks }) => Math.round((atLinks[0]!.measure.bytesOut * (source.bytes ?? 0)) / bytesIn)),
  }));
  const map = {
    image: sources.at(-1)!.name,
    pages,
    cellPages: pages,
    cells: [{ class: 'packed', codec: 'zstd' }],
    counts: { zstd: pages },
  } as const;
  return { name, pageBytes, pages, bytesIn, ways, steps: marginalSteps(front), advice, map, rounds };
}
