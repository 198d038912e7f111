// Sentences of a tradeoff report, shared by terminal and HTML page.
import type { Advice, StrategyReport, WorkloadReport } from '../../analyze/tradeoff/report.js';
import { isRaw, useText } from './names.js';
import { bytesText, msText, rateText } from './units.js';

/**
 * "2.10 s instead of 4.29 s, 118.0 MiB instead of 512.0 MiB, 1.30 s of CPU": compared with sending every byte
 * uncompressed.
 */
export function costText({ totalMs, rawMs, bytesOut, cpuMs }: Advice, bytesIn: number): string {
  return `${instead(totalMs, rawMs, msText)}, ${instead(bytesOut, bytesIn, bytesText)}, ${msText(cpuMs)} of CPU`;
}

function instead(value: number, before: number, text: (value: number) => string): string {
  if (text(value) === text(before)) return text(value);
  return value < before
    ? `${text(value)} instead of ${text(before)}`
    : `${text(value)} (uncompressed: ${text(before)})`;
}

/** "at 1 Gbit/s: use adaptive; 2.10 s instead of 4.29 s, …" */
export function adviceText(advice: Advice, bytesIn: number): string {
  return `at ${rateText(advice.linkBitsPerSecond)}: ${useText(advice.use)}; ${costText(advice, bytesIn)}`;
}

/** Definitions of the terms in the advice. */
export const TERMS =
  'raw: uncompressed pages, without zero, duplicate and unchanged ones; "instead of", "uncompressed": every byte of every image';

/** Bytes below which measured times are mostly the start of an encoder, and differ from run to run. */
const MIN_MEASURED_BYTES = 1 << 20;

/** Return the link rate above which no packing pays, and the strategy that pays longest below it. */
export function ceilingText({ strategies }: WorkloadReport): string {
  const packing = strategies.filter(
    ({ name, breakEvenBitsPerSecond }) => breakEvenBitsPerSecond !== undefined && !isRaw(name),
  );
  if (packing.length === 0) return '';
  const rawBytes = strategies.find(({ name }) => isRaw(name))?.atLinks[0]?.measure.bytesOut;
  if (rawBytes !== undefined && rawBytes < MIN_MEASURED_BYTES)
    return `only ${bytesText(rawBytes)} to pack: the times are mostly overhead and vary; measure a larger image`;
  const last = packing.reduce((a, b) => (b.breakEvenBitsPerSecond! > a.breakEvenBitsPerSecond! ? b : a));
  const rate = last.breakEvenBitsPerSecond!;
  if (rate === 0) return 'send raw at any rate: no packing shrinks these pages';
  if (rate === Infinity) return `${last.name} pays at any rate: it is as fast as sending raw`;
  const note = strategies.some(({ adaptive }) => adaptive) ? '; adaptive changes to raw itself' : '';
  return `above ${rateText(rate)} send raw (below it ${last.name} pays)${note}`;
}

/**
 * "1.86 Gbit/s", "never pays", "always pays"; empty for raw and for strategies that change to raw themselves.
 */
export function breakEvenText({ name, breakEvenBitsPerSecond }: StrategyReport): string {
  if (breakEvenBitsPerSecond === undefined || isRaw(name)) return '';
  if (breakEvenBitsPerSecond === 0) return 'never pays';
  return breakEvenBitsPerSecond === Infinity ? 'always pays' : rateText(breakEvenBitsPerSecond);
}

/** "512.0 MiB, 131072 pages of 4.00 KiB, 6 images" */
export function factsText({ bytesIn, pages, pageBytes, rounds }: WorkloadReport): string {
  const size = `${bytesText(bytesIn)}, ${pages} ${pages === 1 ? 'page' : 'pages'} of ${pageBytes / 1024} KiB`;
  return rounds.length > 1 ? `${size}, ${rounds.length} images` : size;
}
