import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { MadeBy, TradeoffReport } from '../../analyze/tradeoff/report.js';
import { measureTradeoff } from '../../analyze/tradeoff/tradeoff.js';
import { loadZstd } from '../../codec/zstd/load.js';
import type { AtomicWriter } from '../../image/fs/atomic-file.js';
import { tradeoffRows } from '../../report/terminal/rows.js';
import { summaryText } from '../../report/terminal/summary.js';
import { VERSION } from '../../version.js';
import { type Args, parse, parseRate, parseWhole } from '../args.js';
import { checkPage, commandLine, pageWriter } from '../page-output.js';
import { statusLine } from '../progress.js';
import { UsageError } from '../usage.js';
import { fileWorkload, ownMemory, type Workload } from '../workloads.js';

const LINKS = ['100Mbit', '1Gbit', '10Gbit', '40Gbit'];
const MAX_THREADS = 8;

export async function tradeoff(argv: readonly string[]): Promise<void> {
  const args = parse('tradeoff', argv, {
    link: { type: 'string', multiple: true },
    threads: { type: 'string' },
    html: { type: 'string' },
    json: { type: 'boolean' },
  });
  const links = linksOf(args);
  const threads = args.text('threads');
  const packing =
    threads === undefined
      ? Math.min(availableParallelism(), MAX_THREADS)
      : parseWhole('--threads', threads, 1, 16);
  if (args.positionals.includes('-'))
    throw new UsageError(
      'tradeoff: standard input (-) can be read only once, and is to be read many times: expected a file',
    );
  checkPage('tradeoff', args.text('html'), args.positionals);
  // Node's own threads, which read and run zstd, are four unless told before the first is started.
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, packing + 2));
  const workloads = args.positionals.length > 0 ? args.positionals.map(fileWorkload) : [await ownMemory()];
  let writer: AtomicWriter | undefined;
  try {
    writer = pageWriter(
      'tradeoff',
      args.text('html'),
      workloads.flatMap(({ files }) => files),
    );
    const report = await measured(workloads, links, packing, argv);
    if (writer) await writePage(writer, report);
    process.stdout.write(
      args.flag('json') ? `${JSON.stringify(tradeoffRows(report))}\n` : summaryText(report),
    );
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

async function measured(
  workloads: readonly Workload[],
  links: readonly number[],
  threads: number,
  argv: readonly string[],
) {
  const line = statusLine('measuring');
  const cpuClock = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  try {
    return await measureTradeoff(workloads, {
      links,
      threads,
      made: await madeBy(threads, argv),
      cpuClock,
      progress: line.at,
    });
  } finally {
    line.end();
  }
}

async function madeBy(threads: number, argv: readonly string[]): Promise<MadeBy> {
  return {
    at: new Date().toISOString(),
    command: commandLine('tradeoff', argv),
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

async function writePage(writer: AtomicWriter, report: TradeoffReport): Promise<void> {
  // The charts' libraries are larger than all the rest: loaded only where a page is wanted.
  const { renderPage } = await import('../../report/html/pages.js');
  await writer.write(Buffer.from(renderPage(report)));
  await writer.commit();
}
