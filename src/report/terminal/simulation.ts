// Order, best result, remarks and conclusion of a simulation, shared by terminal and HTML page.
import type { LinkSpec } from '../../simulate/link.js';
import type { SimulationResult } from '../../simulate/simulate.js';
import { bytesText, msText, percentText, rateText } from './units.js';

/** Report of `pageferry simulate`. */
export interface SimulationReport {
  readonly command: string;
  readonly version: string;
  readonly runtime: string;
  /** Name of the zstd implementation, if any. */
  readonly zstd: string | undefined;
  readonly guest: GuestFacts;
  readonly conditions: Conditions;
  /** In the order of the options. */
  readonly links: readonly LinkResults[];
}

/** The guest of a report. */
export interface GuestFacts {
  readonly name: string;
  readonly pages: number;
  readonly pageBytes: number;
  /** Pages of the guest per simulated page. */
  readonly scale: number;
}

/** Settings common to all migrations of a report. */
export interface Conditions {
  readonly seed: number;
  readonly downtimeLimitMs: number;
  /** Packing threads, and as many unpacking threads. */
  readonly threads: number;
  readonly storageBytesPerSecond: number;
  readonly autoConverge: boolean;
  /** Whether the destination kept the guest's memory from an earlier visit. */
  readonly isReturnVisit: boolean;
}

/** Results at one link. */
export interface LinkResults {
  readonly link: LinkSpec;
  readonly results: readonly SimulationResult[];
}

/** Technique that others are compared with, if present. */
const REFERENCE = 'pre-copy';

/** Total time, downtime, data, CPU, slowdown and rounds, as table cells. */
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

/** Return the results by total time; failed ones last. */
export function ranked(results: readonly SimulationResult[]): SimulationResult[] {
  return [...results].sort((a, b) => Number(b.verified) - Number(a.verified) || a.totalMs - b.totalMs);
}

/** Whether a migration succeeded within its downtime limit. */
export function keepsLimit({ verified, downtimeMs, downtimeLimitMs }: SimulationResult): boolean {
  return verified && downtimeMs <= downtimeLimitMs;
}

/** Return the fastest result within the downtime limit. */
export function bestOf(results: readonly SimulationResult[]): SimulationResult | undefined {
  return ranked(results).find(keepsLimit);
}

/** Return the remarks on a result, as one table cell. */
export function remarksOf(result: SimulationResult): string {
  const { failed, limitReached, verified, faults } = result;
  const remarks = [
    failed === undefined ? '' : `failed: ${failed}`,
    limitReached ?? '',
    verified && !keepsLimit(result) ? 'over the downtime limit' : '',
    faults > 0 ? `${faults.toLocaleString('en')} page ${faults === 1 ? 'fault' : 'faults'}` : '',
  ];
  return remarks.filter((remark) => remark !== '').join('; ');
}

/** "write-heavy: 256.0 MiB, 65536 pages of 4 KiB" */
export function guestText({ name, pages, pageBytes, scale }: GuestFacts): string {
  const size = bytesText(pages * scale * pageBytes);
  const held = `${pages} pages of ${pageBytes / 1024} KiB`;
  const each = Number(scale.toPrecision(6));
  return `${name}: ${size}, ${held}${each > 1 ? `, a sample: each represents ${each}` : ''}`;
}

/** "1 Gbit/s, round trip 0.2 ms, lost after 500 ms for 200 ms" */
export function linkText({ bitsPerSecond, rttMs, cut }: LinkSpec): string {
  const lost = cut
    ? `, lost after ${cut.atMs} ms ${cut.forMs === Infinity ? 'permanently' : `for ${cut.forMs} ms`}`
    : '';
  return `${rateText(bitsPerSecond)}, round trip ${rttMs} ms${lost}`;
}

/** Return the settings as one line. */
export function conditionsText(conditions: Conditions): string {
  const { seed, downtimeLimitMs, threads, storageBytesPerSecond, autoConverge, isReturnVisit } = conditions;
  return [
    `downtime limit ${downtimeLimitMs} ms`,
    `seed ${seed}`,
    `${threads} ${threads === 1 ? 'thread' : 'threads'} a host`,
    `shared storage ${Number((storageBytesPerSecond / 1e6).toPrecision(3))} MB/s`,
    ...(autoConverge ? ['auto-converge'] : []),
    ...(isReturnVisit ? ['the destination kept the first snapshot'] : []),
  ].join(', ');
}

/**
 * Return the conclusion: the fastest technique within the downtime limit, its lead, and those over the
 * limit.
 */
export function conclusionLines({ results }: LinkResults): string[] {
  if (results.length === 0) return [];
  const limit = `${results[0]!.downtimeLimitMs} ms`;
  const best = bestOf(results);
  const over = ranked(results).filter((result) => result.verified && !keepsLimit(result));
  const failed = results.filter(({ verified }) => !verified);
  const lines: string[] = [];
  if (best)
    lines.push(
      `Fastest within a downtime limit of ${limit}: ${best.technique}, ${timesText(best)}${gainText(best, results)}.`,
    );
  else if (over.length > 0) {
    const shortest = over.reduce((a, b) => (b.downtimeMs < a.downtimeMs ? b : a));
    lines.push(
      `No technique keeps the downtime limit of ${limit}; ${shortest.technique} is closest: ${timesText(shortest)}.`,
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
  return `${msText(totalMs)} with ${msText(downtimeMs)} of downtime`;
}

function gainText(best: SimulationResult, results: readonly SimulationResult[]): string {
  const reference = results.find(({ technique, verified }) => technique === REFERENCE && verified);
  if (!reference || reference === best || best.totalMs === 0) return '';
  const times = Number((reference.totalMs / best.totalMs).toPrecision(2));
  return `; ${REFERENCE} takes ${msText(reference.totalMs)}${times > 1 ? `, ${times} times as long` : ''}`;
}
