import { STAGES, type TimelineRow } from '../../analyze/timeline.js';
import { table } from './table.js';

/** Definitions of the columns. */
const TIMELINE_TERMS =
  'busy: percent of the interval; cpu: all threads, waits for a core included; calling: look-ups, choice and framing on the calling thread. ' +
  'Stages in ms, summed over threads. price: ms of packing that a ms of the link is worth.';

/** Return a timeline as a table, one row an interval. */
export function timelineText(rows: readonly TimelineRow[]): string {
  const head = [
    'to s',
    'MiB read',
    'MiB out',
    'bottleneck',
    'link %',
    'cpu %',
    'source %',
    'calling %',
    'cores',
    'price',
    ...STAGES.map((stage) => `${stage} ms`),
    'jobs',
    'MiB waiting',
    'packed with',
  ];
  const body = rows.map((row) => [
    (row.toMs / 1000).toFixed(2),
    mebibytes(row.bytesRead),
    mebibytes(row.bytesOut),
    row.bottleneck,
    percent(row.busy.link),
    percent(row.busy.cpu),
    percent(row.busy.source),
    percent(row.busy['calling thread']),
    row.cores.toFixed(2),
    row.bytePrice === undefined ? '' : String(Number(row.bytePrice.toPrecision(3))),
    ...STAGES.map((stage) => row.stages[stage].ms.toFixed(0)),
    String(row.pendingJobs),
    mebibytes(row.waitingBytes),
    optionsText(row),
  ]);
  return `${table(head, body)}\n\n${TIMELINE_TERMS}\n`;
}

/** "zstd:3 12, lz4 4": packings by bytes, the largest first, with their segments. */
function optionsText({ options }: TimelineRow): string {
  return Object.entries(options)
    .sort(([, a], [, b]) => b.bytesIn - a.bytesIn)
    .map(([name, { groups }]) => `${name} ${groups}`)
    .join(', ');
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function percent(share: number): string {
  return (100 * share).toFixed(0);
}
