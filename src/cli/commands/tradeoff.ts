import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { ReportOrigin, TradeoffReport } from '../../analyze/tradeoff/report.js';
import { measureTradeoff } from '../../analyze/tradeoff/tradeoff.js';
import { loadZstd } from '../../codec/zstd/load.js';
import type { AtomicWriter } from '../../image/fs/atomic-file.js';
import { printable } from '../../report/terminal/printable.js';
import { tradeoffRows } from '../../report/terminal/rows.js';
import { summaryText } from '../../report/terminal/summary.js';
import { VERSION } from '../../version.js';
import { defineCommand } from '../command.js';
import { FORMAT_OPTION } from '../common-options.js';
import { commandLine, pageWriter } from '../page-output.js';
import { checkPage } from '../paths.js';
import { createProgressLine } from '../progress.js';
import { printOut } from '../terminal.js';
import { THREADS_OPTION, threadCount } from '../threads.js';
import { UsageError } from '../usage-error.js';
import { bitRate, pageFile } from '../values.js';
import { fileWorkload, ownMemory, type Workload } from '../workloads.js';

export const command = defineCommand({
  name: 'tradeoff',
  summary: 'measure which strategy is fastest at which link rate',
  operands: { label: 'IMAGE|DIRECTORY...', min: 0, max: Infinity },
  options: {
    link: {
      value: 'RATE',
      help: 'link rate to compute times for',
      parse: bitRate,
      repeatable: true,
      default: ['100Mbit', '1Gbit', '10Gbit', '40Gbit'],
    },
    threads: THREADS_OPTION,
    html: { value: 'FILE', help: 'report as one HTML page with charts', parse: pageFile },
    format: FORMAT_OPTION,
    json: { help: 'report as a JSON array of rows' },
  },
  details: [
    'The files of a DIRECTORY are images of one guest over time. Without operands, the memory of this process is measured (Linux), which takes a minute of CPU time.',
  ],
  async run({ values, operands, argv, signal }) {
    const links = [...new Set(values.link)].sort((a, b) => a - b);
    if (operands.includes('-'))
      throw new UsageError('-: standard input can be read only once; write a file name');
    checkPage(values.html, operands);
    const threads = threadCount(values.threads);
    const workloads =
      operands.length > 0 ? await openWorkloads(operands, values.format, signal) : [await ownMemory(signal)];
    let writer: AtomicWriter | undefined;
    try {
      writer = pageWriter(
        values.html,
        workloads.flatMap(({ files }) => files),
      );
      const report = await measure(workloads, links, threads, argv, signal);
      if (writer) await writePage(writer, report);
      printOut(
        values.json ? `${JSON.stringify(tradeoffRows(report))}\n` : summaryText(withPrintableNames(report)),
      );
    } catch (error) {
      writer?.abort();
      throw error;
    } finally {
      for (const workload of workloads) workload.close();
    }
  },
});

async function measure(
  workloads: readonly Workload[],
  links: readonly number[],
  threads: number,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<TradeoffReport> {
  const line = createProgressLine('measuring');
  const cpuClock = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  try {
    const origin = await originOf(threads, argv);
    const onProgress = line.onStep;
    return await measureTradeoff(workloads, { links, threads, origin, cpuClock, onProgress, signal });
  } finally {
    line.end();
  }
}

async function originOf(threads: number, argv: readonly string[]): Promise<ReportOrigin> {
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

function withPrintableNames(report: TradeoffReport): TradeoffReport {
  const workloads = report.workloads.map((workload) => ({
    ...workload,
    name: printable(workload.name, { isOneLine: true }),
  }));
  return { ...report, workloads };
}

async function writePage(writer: AtomicWriter, report: TradeoffReport): Promise<void> {
  // The chart libraries are larger than the rest of the program: loaded only for a page.
  const { renderPage } = await import('../../report/html/pages.js');
  await writer.write(Buffer.from(renderPage(report)));
  await writer.commit();
}

async function openWorkloads(
  paths: readonly string[],
  format: string | undefined,
  signal: AbortSignal,
): Promise<Workload[]> {
  const workloads: Workload[] = [];
  for (const path of paths) workloads.push(await fileWorkload(path, format, signal));
  return workloads;
}
