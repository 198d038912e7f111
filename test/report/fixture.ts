// A tradeoff report with realistic numbers; derived values come from the model.
import {
  breakEvenBitsPerSecond,
  marginalSteps,
  type PackingMeasure,
  paretoFront,
  perPage,
  pipelinedTime,
  sendMs,
} from '../../src/analyze/tradeoff/model.js';
import type {
  PageMap,
  StrategyReport,
  TradeoffReport,
  WorkloadReport,
} from '../../src/analyze/tradeoff/report.js';
import type { TimelineRow } from '../../src/engine/encode/timeline-row.js';
import { seeded } from '../support/kernels.js';

const MIB = 2 ** 20;
export const LINKS = [1e8, 1e9, 1e10, 4e10];

/** CPU µs to encode and to decode a page, and the ratio. */
type Cost = readonly [name: string, cpuUs: number, decodeUs: number, left: number];
const BUSY: readonly Cost[] = [
  ['fixed:raw', 0.55, 0.5, 0.62],
  ['fixed:zero-aware', 1.3, 0.8, 0.51],
  ['fixed:lz4', 3.1, 1.4, 0.29],
  ['fixed:wkdm', 2.4, 1.5, 0.38],
  ['fixed:zstd:1', 7.4, 2.6, 0.232],
  ['fixed:zstd:3', 11.2, 2.7, 0.214],
  ['fixed:zstd:9', 47, 2.6, 0.203],
  ['characteristic', 3.3, 1.5, 0.36],
  ['mecom', 4.2, 1.6, 0.37],
];
const IDLE: readonly Cost[] = [
  ['fixed:raw', 0.41, 0.4, 0.27],
  ['fixed:lz4', 1.2, 0.7, 0.121],
  ['fixed:wkdm', 1.05, 0.7, 0.148],
  ['fixed:zstd:1', 2.6, 1.1, 0.094],
  ['fixed:zstd:3', 3.9, 1.1, 0.0881],
  ['fixed:zstd:9', 16.1, 1.1, 0.0842],
];
/** The strategy that adaptive equals at each link. */
const BUSY_ADAPTIVE: readonly Cost[] = [
  ['adaptive', 44, 2.6, 0.2035],
  ['adaptive', 7.9, 2.6, 0.229],
  ['adaptive', 1.1, 0.7, 0.55],
  ['adaptive', 0.56, 0.5, 0.62],
];
const IDLE_ADAPTIVE: readonly Cost[] = [
  ['adaptive', 15.2, 1.1, 0.0845],
  ['adaptive', 2.7, 1.1, 0.0931],
  ['adaptive', 0.9, 0.6, 0.17],
  ['adaptive', 0.43, 0.4, 0.27],
];
const ROUND_SHARES = [1, 0.21, 0.16, 0.18, 0.09, 0.05];

export function fixtureReport(
  names: readonly [string, string] = ['traces/compile', 'idle.raw'],
): TradeoffReport {
  return {
    origin: {
      at: '2026-11-23T13:05:07.123Z',
      command: `pageferry tradeoff ${names.join(' ')} --html report.html`,
      version: '0.1.0',
      runtime: 'Node v24.11.1',
      platform: 'linux x64 6.1',
      cpu: 'AMD EPYC 7B13',
      cores: 2,
      memoryBytes: 8 * 1024 * MIB,
      threads: 2,
      zstd: 'node:zlib',
    },
    links: LINKS,
    workloads: [
      workload(names[0], 512 * MIB, BUSY, BUSY_ADAPTIVE, 6),
      workload(names[1], 256 * MIB, IDLE, IDLE_ADAPTIVE, 1),
    ],
  };
}

function workload(
  name: string,
  imageBytes: number,
  fixed: readonly Cost[],
  adaptive: readonly Cost[],
  images: number,
): WorkloadReport {
  const shares = ROUND_SHARES.slice(0, images);
  const sum = shares.reduce((a, b) => a + b) / images;
  const measure = ([strategy, cpuUs, decodeUs, left]: Cost): PackingMeasure => {
    const pages = (imageBytes * images) / 4096;
    const cpuMs = (pages * cpuUs * sum) / 1000;
    const bytesOut = Math.round(imageBytes * images * left * sum);
    return {
      name: strategy,
      pages,
      bytesIn: imageBytes * images,
      bytesOut,
      cpuMs,
      encodeMs: cpuMs / 1.8,
      decodeMs: (pages * decodeUs * sum) / 1000,
      frames: Math.ceil(bytesOut / (4 * MIB)),
    };
  };
  const measures = fixed.map(measure);
  const front = paretoFront(measures);
  const at = (one: PackingMeasure, link: number) => ({
    measure: one,
    time: pipelinedTime(one, { bitsPerSecond: link }),
  });
  const strategies: StrategyReport[] = [
    ...measures.map((one) => ({
      name: one.name,
      adaptive: false,
      onFront: front.includes(one),
      breakEvenBitsPerSecond: breakEvenBitsPerSecond(one, measures[0]!),
      atLinks: LINKS.map((link) => at(one, link)),
    })),
    {
      name: 'adaptive',
      adaptive: true,
      onFront: false,
      breakEvenBitsPerSecond: undefined,
      atLinks: LINKS.map((link, i) => at(measure(adaptive[i]!), link)),
    },
  ];
  const advice = LINKS.map((link, i) => {
    const { measure: used, time } = (link < 4e10 ? strategies.at(-1)! : strategies[0]!).atLinks[i]!;
    const rawMs = sendMs(used.bytesIn, { bitsPerSecond: link });
    const { name: use, bytesOut, cpuMs } = used;
    return { linkBitsPerSecond: link, use, totalMs: time.totalMs, rawMs, bytesOut, cpuMs };
  });
  const rounds = shares.map((share, i) => ({
    name: `${name}/${i}.raw`,
    bytesIn: imageBytes,
    bytesOut: strategies.map((strategy) =>
      Math.round(imageBytes * share * (perPage(strategy.atLinks[0]!.measure).bytes / 4096 / sum)),
    ),
  }));
  const { pages, bytesIn } = measures[0]!;
  return {
    name,
    pageBytes: 4096,
    pages,
    bytesIn,
    strategies,
    steps: marginalSteps(front),
    advice,
    map: map(name, imageBytes / 4096),
    rounds,
    timeline: images > 1 ? timeline() : [],
  };
}

/** A run of two seconds whose link becomes the bottleneck in the middle. */
function timeline(): TimelineRow[] {
  return Array.from({ length: 40 }, (_, i) => {
    const isLate = i >= 20;
    const stage = (ms: number) => ({ ms, cpuMs: 0.9 * ms });
    const name = isLate ? (i % 3 === 0 ? 'zstd:9' : 'zstd:3') : i % 4 === 0 ? 'raw' : 'lz4';
    return {
      fromMs: 50 * i,
      toMs: 50 * i + 50,
      bytesRead: 12 * MIB,
      bytesOut: isLate ? 2 * MIB : 5 * MIB,
      stages: {
        read: stage(6),
        scan: stage(9),
        choose: stage(11),
        pack: stage(isLate ? 88 : 30),
        write: stage(isLate ? 48 : 20),
      },
      options: { [name]: { groups: 4, bytesIn: 8 * MIB, bytesOut: 2 * MIB } },
      bytePrice: isLate ? 6 : 0.4,
      cores: 1.9,
      pendingJobs: 4,
      waitingBytes: isLate ? MIB : 0,
      busy: { link: isLate ? 0.96 : 0.4, cpu: 0.9, source: 0.1, 'calling thread': 0.22 },
      bottleneck: isLate ? 'link' : 'cpu',
    };
  });
}

const KINDS = [
  ['zero', 'zero', 9],
  ['unchanged', 'unchanged', 9],
  ['packed', 'zstd', 7],
  ['packed', 'lz4', 3],
  ['delta', 'xbzrle', 4],
  ['duplicate', 'same-as', 2],
  ['fill', 'fill', 1],
  ['delta', 'similar', 1],
  ['coded', 'rle', 1],
  ['raw', 'raw', 1],
] as const;

/** Runs of one kind, as in guest memory. */
function map(name: string, pages: number): PageMap {
  const next = seeded(7);
  const cellPages = 32;
  const bag = KINDS.flatMap(([pageClass, codec, weight]) =>
    Array.from({ length: weight }, () => ({ class: pageClass, codec })),
  );
  const cells: { class: (typeof KINDS)[number][0]; codec: string }[] = [];
  while (cells.length < pages / cellPages) {
    const cell = bag[next() % bag.length]!;
    const run = 1 + (next() % 60) * (next() % 3);
    for (let i = 0; i < run && cells.length < pages / cellPages; i++) cells.push(cell);
  }
  const counts: Record<string, number> = {};
  for (const { codec } of cells) counts[codec] = (counts[codec] ?? 0) + cellPages;
  return { image: `${name} (last image)`, pages, cellPages, cells, counts };
}
