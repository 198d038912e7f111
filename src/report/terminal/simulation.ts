// What a simulation's results say, in the terminal and on the page: order, the best, remarks, and a line of conclusion.
import type { LinkSpec } from '../../simulate/link.js';
import type { SimulationResult } from '../../simulate/simulate.js';
import { bytesText, msText, percentText, rateText } from './units.js';

/** All that `pageferry simulate` found. */
export interface SimulationReport {
  readonly command: string;
  readonly version: string;
  readonly runtime: string;
  /** What zstd was at hand, if any. */
  readonly zstd: string | undefined;
  readonly guest: GuestFacts;
  readonly conditions: Conditions;
  /** In the order in which they were asked about. */
  readonly links: readonly LinkResults[];
}

export interface GuestFacts {
  readonly name: string;
  readonly pages: number;
  readonly pageBytes: number;
  /** Pages of the real guest that each of these stands for. */
  readonly scale: number;
}

/** What holds for all of a report's migrations. */
export interface Conditions {
  readonly seed: number;
  readonly downtimeLimitMs: number;
  /** Threads that pack, and as many that unpack. */
  readonly threads: number;
  readonly storageBytesPerSecond: number;
  readonly autoConverge: boolean;
  /** Whether the destination kept the guest as it once was. */
  readonly isReturnVisit: boolean;
}

export interface LinkResults {
  readonly link: LinkSpec;
  readonly results: readonly SimulationResult[];
}

/** Techniques that others are measured against, where they are among them. */
const REFERENCE = 'pre-copy';

/** Total time, downtime, data, CPU, slowdown and rounds, as tables say them. */
export function figuresOf({
  totalMs,
  downtimeMs,
  bytes,
  cpuMs,
  guestSlowdown,
  rounds,
}: SimulationResult): string[] {
  return [
    msText(totalMs),
    msText(downtimeMs),
    bytesText(bytes),
    msText(cpuMs),
    percentText(guestSlowdown, 1),
    String(rounds),
  ];
}

/** Soonest done first; what failed comes last. */
export function ranked(results: readonly SimulationResult[]): SimulationResult[] {
  return [...results].sort((a, b) => Number(b.verified) - Number(a.verified) || a.totalMs - b.totalMs);
}

export function keepsLimit({ verified, downtimeMs, downtimeLimitMs }: SimulationResult): boolean {
  return verified && downtimeMs <= downtimeLimitMs;
}

/** Of those that keep to the downtime limit, the one that is done first. */
export function bestOf(results: readonly SimulationResult[]): SimulationResult | undefined {
  return ranked(results).find(keepsLimit);
}

export function remarksOf(result: SimulationResult): string {
  const { failed, limitReached, verified, faults } = result;
  const said = [
    failed === undefined ? '' : `failed: ${failed}`,
    limitReached ?? '',
    verified && !keepsLimit(result) ? 'over the downtime limit' : '',
    faults > 0
      ? `the guest waited for ${faults.toLocaleString('en')} ${faults === 1 ? 'page' : 'pages'}`
      : '',
  ];
  return said.filter((words) => words !== '').join('; ');
}

/** "write-heavy: 256.0 MiB, 65536 pages of 4 KiB" */
export function guestText({ name, pages, pageBytes, scale }: GuestFacts): string {
  const size = bytesText(pages * scale * pageBytes);
  const held = `${pages} pages of ${pageBytes / 1024} KiB`;
  const each = Number(scale.toPrecision(6));
  return `${name}: ${size}, ${held}${each > 1 ? `, each of which stands for ${each}` : ''}`;
}

/** "1 Gbit/s, round trip 0.2 ms, lost after 500 ms for 200 ms" */
export function linkText({ bitsPerSecond, rttMs, cut }: LinkSpec): string {
  const lost = cut
    ? `, lost after ${cut.atMs} ms ${cut.forMs === Infinity ? 'for good' : `for ${cut.forMs} ms`}`
    : '';
  return `${rateText(bitsPerSecond)}, round trip ${rttMs} ms${lost}`;
}

export function conditionsText(conditions: Conditions): string {
  const { seed, downtimeLimitMs, threads, storageBytesPerSecond, autoConverge, isReturnVisit } = conditions;
  return [
    `downtime limit ${downtimeLimitMs} ms`,
    `seed ${seed}`,
    `${threads} ${threads === 1 ? 'thread' : 'threads'} at each host`,
    `shared storage ${Number((storageBytesPerSecond / 1e6).toPrecision(3))} MB/s`,
    ...(autoConverge ? ['auto-converge'] : []),
    ...(isReturnVisit ? ['back at a host that kept its first snapshot'] : []),
  ].join(', ');
}

/** Who is fastest at this downtime limit, by how much, and who exceeds it. */
export function conclusionLines({ results }: LinkResults): string[] {
  if (results.length === 0) return [];
  const limit = `${results[0]!.downtimeLimitMs} ms`;
  const best = bestOf(results);
  const over = ranked(results).filter((result) => result.verified && !keepsLimit(result));
  const failed = results.filter(({ verified }) => !verified);
  const lines: string[] = [];
  if (best)
    lines.push(
      `At a downtime limit of ${limit} ${best.technique} is fastest: ${timesText(best)}${gainText(best, results)}.`,
    );
  else if (over.length > 0) {
    const shortest = over.reduce((a, b) => (b.downtimeMs < a.downtimeMs ? b : a));
    lines.push(
      `None keeps to a downtime limit of ${limit}; ${shortest.technique} comes closest: ${timesText(shortest)}.`,
    );
  }
  if (best && over.length > 0)
    lines.push(
      `Over the limit: ${over.map((one) => `${one.technique} (${msText(one.downtimeMs)})`).join(', ')}.`,
    );
  if (failed.length > 0) lines.push(`Failed: ${failed.map(({ technique }) => technique).join(', ')}.`);
  return lines;
}

function timesText({ totalMs, downtimeMs }: SimulationResult): string {
  return `${msText(totalMs)}, ${msText(downtimeMs)} of them downtime`;
}

function gainText(best: SimulationResult, results: readonly SimulationResult[]): string {
  const reference = results.find(({ technique, verified }) => technique === REFERENCE && verified);
  if (!reference || reference === best || best.totalMs === 0) return '';
  const times = Number((reference.totalMs / best.totalMs).toPrecision(2));
  return `; ${REFERENCE} takes ${msText(reference.totalMs)}${times > 1 ? `, ${times} times as long` : ''}`;
}
