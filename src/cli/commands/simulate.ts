import { loadZstd } from '../../codec/zstd/load.js';
import type { AtomicWriter } from '../../image/fs/atomic-file.js';
import { PageferryError } from '../../page/error.js';
import { throwIfAborted } from '../../page/sync.js';
import { printable } from '../../report/terminal/printable.js';
import type { GuestFacts, LinkResults, SimulationReport } from '../../report/terminal/simulation.js';
import { simulationRows } from '../../report/terminal/simulation-rows.js';
import { simulationText } from '../../report/terminal/simulation-summary.js';
import { rateText } from '../../report/terminal/units.js';
import type { Costs } from '../../simulate/costs.js';
import type { GuestSpec } from '../../simulate/guest.js';
import { type SimulationResult, simulate } from '../../simulate/simulate.js';
import { VERSION } from '../../version.js';
import { defineCommand } from '../command.js';
import { commandLine, pageWriter } from '../page-output.js';
import { checkPage } from '../paths.js';
import { createProgressLine } from '../progress.js';
import { loadCosts, MEASURED } from '../simulate/costs.js';
import { openGuest } from '../simulate/guest.js';
import {
  checkSimulateOptions,
  linksOf,
  SIMULATE_OPTIONS,
  type SimulateOptions,
  techniquesOf,
} from '../simulate/options.js';
import { printOut } from '../terminal.js';

export const command = defineCommand({
  name: 'simulate',
  summary: 'migrate a live guest in simulated time, by every technique',
  options: SIMULATE_OPTIONS,
  details: [
    'Time is simulated; pages are really encoded, decoded and compared. The same options, the same version of pageferry and the same zstd give the same report, except with --costs measured.',
    'docs/simulate.md lists the settings of a guest.',
  ],
  async run({ values, argv, signal }) {
    checkSimulateOptions(values);
    const inputs = values.costs === undefined || values.costs === MEASURED ? [] : [values.costs];
    checkPage(values.html, inputs);
    const guest = await openGuest(values, signal);
    let writer: AtomicWriter | undefined;
    try {
      writer = pageWriter(values.html, [...inputs, ...guest.files]);
      const costs = await loadCosts(values.costs);
      const report = await simulateAll(guest.spec, values, costs, commandLine('simulate', argv), signal);
      if (writer) await writePage(writer, report);
      printOut(
        values.json
          ? `${JSON.stringify(simulationRows(report))}\n`
          : simulationText(withPrintableName(report)),
      );
      const results = report.links.flatMap((link) => link.results);
      if (results.some(({ verified }) => !verified)) process.exitCode = 1;
    } catch (error) {
      writer?.abort();
      throw error;
    } finally {
      guest.close();
    }
  },
});

async function simulateAll(
  spec: GuestSpec,
  values: SimulateOptions,
  costs: Costs,
  commandText: string,
  signal: AbortSignal,
): Promise<SimulationReport> {
  const { seed, threads } = values;
  return {
    command: commandText,
    version: VERSION,
    runtime: `Node ${process.version}`,
    zstd: (await loadZstd())?.name,
    guest: await factsOf(spec, seed),
    conditions: {
      seed,
      threads,
      downtimeLimitMs: values['downtime-limit'],
      storageBytesPerSecond: values.storage,
      autoConverge: values['auto-converge'],
      isReturnVisit: values['return-visit'],
    },
    links: await simulateLinks(spec, values, costs, signal),
  };
}

async function factsOf(spec: GuestSpec, seed: number): Promise<GuestFacts> {
  const guest = await spec.open(seed);
  const { pages, pageBytes, scale } = guest;
  guest.close();
  return { name: spec.name, pages, pageBytes, scale };
}

async function simulateLinks(
  guest: GuestSpec,
  values: SimulateOptions,
  costs: Costs,
  signal: AbortSignal,
): Promise<LinkResults[]> {
  const techniques = techniquesOf(values);
  const links = linksOf(values);
  const host = { threads: values.threads, share: 1 };
  const common = {
    guest,
    costs,
    source: host,
    destination: host,
    downtimeLimitMs: values['downtime-limit'],
    seed: values.seed,
    storageBytesPerSecond: values.storage,
    autoConverge: values['auto-converge'],
    signal,
    ...(values.strategy !== undefined && { strategy: values.strategy }),
  };
  const line = createProgressLine('simulating');
  const found: LinkResults[] = [];
  let number = 0;
  try {
    for (const link of links) {
      const results: SimulationResult[] = [];
      for (const technique of techniques) {
        throwIfAborted(signal);
        const migration = `${technique} at ${rateText(link.bitsPerSecond)}`;
        line.onStep(`${migration} (${++number} of ${links.length * techniques.length})`);
        results.push(await withMigrationName(migration, simulate({ ...common, technique, link })));
      }
      found.push({ link, results });
    }
  } finally {
    line.end();
  }
  return found;
}

/** The result, or the error with the migration's name before its message. */
async function withMigrationName(
  migration: string,
  simulation: Promise<SimulationResult>,
): Promise<SimulationResult> {
  try {
    return await simulation;
  } catch (cause) {
    if (cause instanceof PageferryError)
      throw new PageferryError(cause.code, `${migration}: ${cause.message}`, { cause });
    throw cause;
  }
}

function withPrintableName(report: SimulationReport): SimulationReport {
  return { ...report, guest: { ...report.guest, name: printable(report.guest.name, { isOneLine: true }) } };
}

async function writePage(writer: AtomicWriter, report: SimulationReport): Promise<void> {
  // The chart libraries are larger than the rest of the program: loaded only for a page.
  const { renderSimulationPage } = await import('../../report/html/pages.js');
  await writer.write(Buffer.from(renderSimulationPage(report)));
  await writer.commit();
}
