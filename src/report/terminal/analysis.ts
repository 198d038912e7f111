import { CHANGE_STEPS, type PageStatistics } from '../../analyze/page-statistics.js';
import { table } from './table.js';
import { bytesText, msText, rateText } from './units.js';

/** Pages of one image by class. */
export interface ClassifiedImage {
  readonly name: string;
  readonly classes: Readonly<
    Record<
      'pages' | 'zero' | 'fill' | 'unchanged' | 'duplicatesInside' | 'duplicatesBetween' | 'rest',
      number
    >
  >;
}

/** Return the tables of `pageferry analyze`. */
export function analysisText(
  images: readonly ClassifiedImage[],
  { bytesIn, encodeMs }: { readonly bytesIn: number; readonly encodeMs: number },
  statistics: PageStatistics,
  linkBitsPerSecond: number,
): string {
  return [
    classTable(images),
    codecTrials(statistics),
    packingTrials(statistics),
    ...(statistics.changed.some((pages) => pages > 0) ? [changeTable(statistics)] : []),
    `${bytesText(bytesIn)} analyzed in ${msText(encodeMs)}, link ${rateText(linkBitsPerSecond)}`,
  ].join('\n\n');
}

function classTable(images: readonly ClassifiedImage[]): string {
  const head = ['image', 'pages', 'zero', 'fill', 'unchanged', 'dup in image', 'dup across', 'other'];
  const rows = images.map(({ name, classes: c }) => [
    name,
    ...[c.pages, c.zero, c.fill, c.unchanged, c.duplicatesInside, c.duplicatesBetween, c.rest].map(String),
  ]);
  return `Pages by class\n${table(head, rows)}`;
}

function codecTrials({ codecs }: PageStatistics): string {
  const rows = Object.entries(codecs)
    .filter(([, { tried }]) => tried.pages > 0)
    .map(([name, { pages, bytesIn, bytesOut, tried, ms }]) => [
      name,
      String(tried.pages),
      String(pages),
      pages === 0 ? '' : `${((100 * bytesOut) / bytesIn).toFixed(1)} %`,
      ((1000 * ms) / tried.pages).toFixed(2),
    ]);
  return `Other pages, each tried with every codec\n${table(['codec', 'pages tried', 'coded', 'size', 'µs/page'], rows)}`;
}

function packingTrials({ packings }: PageStatistics): string {
  const rows = packings
    .filter(({ groups }) => groups > 0)
    .map(({ packing, groups, bytesIn, bytesOut, ms }) => [
      packing.level === undefined ? packing.name : `${packing.name}:${packing.level}`,
      String(groups),
      `${((100 * bytesOut) / bytesIn).toFixed(1)} %`,
      (bytesIn / ms / 1000).toFixed(0),
      // Above this rate, sending the saved bytes takes less time than packing them.
      rateText(((bytesIn - bytesOut) * 8000) / ms),
    ]);
  return `Other pages in groups of 1 MiB, each tried with one compressor\n${table(['compressor', 'groups', 'size', 'MB/s', 'faster below'], rows)}`;
}

function changeTable({ changed }: PageStatistics): string {
  const head = CHANGE_STEPS.map((step) => `up to ${(100 * step).toFixed(step < 0.1 ? 1 : 0)} %`);
  return `Changed pages, by the share of bytes that changed\n${table(head, [changed.map(String)])}`;
}
