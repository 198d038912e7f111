// Simulation reports as the command line creates them: every technique on a small guest.

import type { SimulationReport } from '../../src/report/terminal/simulation.js';
import { parseGuestSpec } from '../../src/simulate/guest-spec.js';
import { type SimulationResult, simulate } from '../../src/simulate/simulate.js';
import { TECHNIQUES } from '../../src/simulate/technique/registry.js';

const GUEST = 'diverging,size=4M,writes=4000,free=0.2,cache=0.3';
const DOWNTIME_LIMIT_MS = 40;

/** Every technique at every link. */
export async function simulatedReport(rates: readonly number[], guest = GUEST): Promise<SimulationReport> {
  const spec = parseGuestSpec(guest);
  const links = rates.map((bitsPerSecond) => ({ bitsPerSecond, rttMs: 0.2 }));
  const found = [];
  for (const link of links) {
    const results: SimulationResult[] = [];
    for (const technique of TECHNIQUES)
      results.push(await simulate({ guest: spec, technique, link, downtimeLimitMs: DOWNTIME_LIMIT_MS }));
    found.push({ link, results });
  }
  const { pages, scale } = found[0]!.results[0]!;
  return {
    command: `pageferry simulate --guest ${guest}`,
    version: '0.1.0',
    runtime: 'Node v24.11.1',
    zstd: 'node:zlib',
    guest: { name: guest, pages, pageBytes: 4096, scale },
    conditions: {
      seed: 1,
      downtimeLimitMs: DOWNTIME_LIMIT_MS,
      threads: 2,
      storageBytesPerSecond: 200e6,
      autoConverge: false,
      isReturnVisit: false,
    },
    links: found,
  };
}

/** The report with some results changed. */
export function changed(
  report: SimulationReport,
  change: (result: SimulationResult, i: number) => Partial<SimulationResult>,
) {
  const links = report.links.map(({ link, results }) => ({
    link,
    results: results.map((result, i): SimulationResult => ({ ...result, ...change(result, i) })),
  }));
  return { ...report, links } satisfies SimulationReport;
}
