import { loadZstd } from '../../codec/zstd/load.js';
import type { AtomicWriter } from '../../image/fs/atomic-file.js';
import { PageferryError } from '../../page/error.js';
import type { GuestFacts, LinkResults, SimulationReport } from '../../report/terminal/simulation.js';
import { simulationRows } from '../../report/terminal/simulation-rows.js';
import { simulationText } from '../../report/terminal/simulation-summary.js';
import { rateText } from '../../report/terminal/units.js';
import type { Costs } from '../../simulate/costs.js';
import type { GuestSpec } from '../../simulate/guest.js';
import { simulate as run, type SimulationResult } from '../../simulate/simulate.js';
import { VERSION } from '../../version.js';
import { checkPage, commandLine, pageWriter } from '../page-output.js';
import { statusLine } from '../progress.js';
import { costsOf, MEASURED } from '../simulate/costs.js';
import { openGuest } from '../simulate/guest.js';
import { type SimulateOptions, simulateOptions } from '../simulate/options.js';

export async function simulate(argv: readonly string[]): Promise<void> {
  const options = simulateOptions(argv);
  const inputs = options.costs === undefined || options.costs === MEASURED ? [] : [options.costs];
  checkPage('simulate', options.html, inputs);
  const guest = openGuest(options);
  let writer: AtomicWriter | undefined;
  try {
    writer = pageWriter('simulate', options.html, [...inputs, ...guest.files]);
    const costs = await costsOf(options.costs);
    const report = await reportOf(guest.spec, options, costs, commandLine('simulate', argv));
    if (writer) await writePage(writer, report);
    process.stdout.write(
      options.json ? `${JSON.stringify(simulationRows(report))}\n` : simulationText(report),
    );
    if (report.links.some(({ results }) => results.some(({ verified }) => !verified))) process.exitCode = 1;
  } catch (error) {
    writer?.abort();
    throw error;
  } finally {
    guest.close();
  }
}

async function reportOf(
  spec: GuestSpec,
  options: SimulateOptions,
  costs: Costs,
  command: string,
): Promise<SimulationReport> {
  const { seed, downtimeLimitMs, threads, storageBytesPerSecond, autoConverge, comesBack } = options;
  const guest = await factsOf(spec, seed);
  return {
    command,
    version: VERSION,
    runtime: `Node ${process.version}`,
    zstd: (await loadZstd())?.name,
    guest,
    conditions: { seed, downtimeLimitMs, threads, storageBytesPerSecond, autoConverge, comesBack },
    links: await simulated(spec, options, costs),
  };
}

async function factsOf(spec: GuestSpec, seed: number): Promise<GuestFacts> {
  const guest = await spec.open(seed);
  const { pages, pageBytes, pagesEach } = guest;
  guest.close();
  return { name: spec.name, pages, pageBytes, pagesEach };
}

async function simulated(guest: GuestSpec, options: SimulateOptions, costs: Costs): Promise<LinkResults[]> {
  const { techniques, links, strategy, downtimeLimitMs, seed, storageBytesPerSecond, autoConverge, threads } =
    options;
  const host = { threads, share: 1 };
  const line = statusLine('simulating');
  const found: LinkResults[] = [];
  try {
    for (const link of links) {
      const results: SimulationResult[] = [];
      for (const technique of techniques) {
        const what = `${technique} at ${rateText(link.bitsPerSecond)}`;
        line.at(
          `${what} (${found.length * techniques.length + results.length + 1} of ${links.length * techniques.length})`,
        );
        const one = {
          guest,
          technique,
          link,
          downtimeLimitMs,
          seed,
          costs,
          storageBytesPerSecond,
          autoConverge,
        };
        results.push(
          await named(what, run({ ...one, source: host, destination: host, ...(strategy && { strategy }) })),
        );
      }
      found.push({ link, results });
    }
  } finally {
    line.end();
  }
  return found;
}

/** Where it fails, the message says which migration it was. */
async function named(what: string, simulation: Promise<SimulationResult>): Promise<SimulationResult> {
  try {
    return await simulation;
  } catch (cause) {
    if (cause instanceof PageferryError)
      throw new PageferryError(cause.code, `${what}: ${cause.message}`, { cause });
    throw cause;
  }
}

async function writePage(writer: AtomicWriter, report: SimulationReport): Promise<void> {
  // The charts' libraries are larger than all the rest: loaded only where a page is wanted.
  const { renderSimulationPage } = await import('../../report/html/pages.js');
  await writer.write(Buffer.from(renderSimulationPage(report)));
  await writer.commit();
}
