import { existsSync, realpathSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { loadZstd } from '../codec/zstd-load.js';
import { type AtomicWriter, createAtomicWriter } from '../image/atomic-file.js';
import { tradeoffRows } from '../report/rows.js';
import { summaryText } from '../report/summary.js';
import type { MadeBy, TradeoffReport } from '../tradeoff/report.js';
import { measureTradeoff } from '../tradeoff/tradeoff.js';
import { VERSION } from '../version.js';
import { type Args, parse, parseRate, parseWhole } from './args.js';
import { statusLine } from './progress.js';
import { UsageError } from './usage.js';
import { fileWorkload, ownMemory, type Workload } from './workloads.js';

const LINKS = ['100Mbit', '1Gbit', '10Gbit', '40Gbit'];
const MOST_THREADS = 8;

export async function tradeoff(argv: readonly string[]): Promise<void> {
  const args = parse('tradeoff', argv, {
    link: { type: 'string', multiple: true },
    threads: { type: 'string' },
    html: { type: 'string' },
    json: { type: 'boolean' },
  });
  const links = linksOf(args);
  const threads = args.text('threads');
  const packing = threads === undefined ? Math.min(availableParallelism(), MOST_THREADS) : parseWhole('--threads', threads, 1, 16);
  if (args.positionals.includes('-'))
    throw new UsageError('tradeoff: standard input (-) can be read only once, and is to be read many times: expected a file');
  checkPage(args.text('html'), args.positionals);
  // Node's own threads, which read and run zstd, are four unless told before the first is started.
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, packing + 2));
  const workloads = args.positionals.length > 0 ? args.positionals.map(fileWorkload) : [await ownMemory()];
  let writer: AtomicWriter | undefined;
  try {
    writer = pageWriter(args.text('html'), workloads);
    const report = await measured(workloads, links, packing, argv);
    if (writer) await writePage(writer, report);
    process.stdout.write(args.flag('json') ? `${JSON.stringify(tradeoffRows(report))}\n` : summaryText(report));
  } catch (error) {
    writer?.abort();
    throw error;
  } finally {
    for (const workload of workloads) workload.close();
  }
}

/** Each once, slowest first. */
function linksOf(args: Args): number[] {
  const given = args.texts('link');
  const rates = (given.length > 0 ? given : LINKS).map(parseRate);
  return [...new Set(rates)].sort((a, b) => a - b);
}

/** @throws UsageError for a page that cannot be one */
function checkPage(path: string | undefined, inputs: readonly string[]): void {
  if (path === '') throw new UsageError('tradeoff: a file name is empty');
  if (path === '-') throw new UsageError('tradeoff: --html -: standard output is for the summary: expected a file');
  if (path !== undefined && inputs.some((input) => sameFile(input, path)))
    throw new UsageError(`tradeoff: --html ${path} is also an input`);
}

/** Opened before anything is measured, so that what cannot be written is known at once. */
function pageWriter(path: string | undefined, workloads: readonly Workload[]): AtomicWriter | undefined {
  if (path === undefined) return undefined;
  if (workloads.some(({ files }) => files.some((file) => sameFile(file, path))))
    throw new UsageError(`tradeoff: --html ${path} is also an input`);
  return createAtomicWriter(path);
}

function sameFile(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}

async function measured(workloads: readonly Workload[], links: readonly number[], threads: number, argv: readonly string[]) {
  const line = statusLine('measuring');
  const cpuClock = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  try {
    return await measureTradeoff(workloads, { links, threads, made: await madeBy(threads, argv), cpuClock, progress: line.at });
  } finally {
    line.end();
  }
}

async function madeBy(threads: number, argv: readonly string[]): Promise<MadeBy> {
  return {
    at: new Date().toISOString(),
    command: ['pageferry', 'tradeoff', ...argv].map(quoted).join(' '),
    version: VERSION,
    runtime: `Node ${process.version}`,
    platform: `${process.platform} ${process.arch} ${release()}`,
    cpu: cpus()[0]?.model.trim() || process.arch,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    threads,
    zstd: (await loadZstd())?.name,
  };
}

/** As a shell would need it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

async function writePage(writer: AtomicWriter, report: TradeoffReport): Promise<void> {
  // The charts' libraries are larger than all the rest: loaded only where a page is wanted.
  const { renderPage } = await import('../report/page.js');
  await writer.write(Buffer.from(renderPage(report)));
  await writer.commit();
}
