import type { SimulationResult } from '../../simulate/simulate.js';
import { type LinkResults, ranked } from '../terminal/simulation.js';
import { percentText } from '../terminal/units.js';
import { escapeHtml } from './escape.js';
import { filledSwatch } from './legend.js';
import { SERIES_COLOURS, seriesColour } from './palette.js';

/** Width of a bar of `maxPages` pages, in SVG units. */
const BAR_WIDTH = 1000;

/** Pages deferred or skipped by a technique, by reason, scaled to the whole guest. */
type Deferred = readonly { readonly reason: string; readonly pages: number }[];

/** Return the deferred and skipped pages of every technique, by reason. */
export function deferredFigure(at: LinkResults): string {
  const results = ranked(at.results);
  const all = results.map(deferredOf);
  const reasons = [...new Set(all.flatMap((deferred) => deferred.map(({ reason }) => reason)))];
  const maxPages = Math.max(...results.map(({ pages, scale }) => pages * scale), ...all.map(sumOf));
  const items = results.flatMap((result, i) =>
    all[i]!.length > 0 ? [item(result, all[i]!, reasons, maxPages)] : [],
  );
  const none = results.filter((_, i) => all[i]!.length === 0).map(({ technique }) => technique);
  const rest =
    none.length > 0
      ? `<p class="soft">No pages deferred or skipped: ${escapeHtml(none.join(', '))}.</p>`
      : '';
  return `<figure><h3>Deferred and skipped pages</h3><figcaption>Pages not sent in their round, by reason; a page counts once for every round. The full width is ${percentText(maxPages, results[0]!.pages * results[0]!.scale)} of the guest.</figcaption><ul class="deferred">${items.join('')}</ul>${rest}</figure>`;
}

function deferredOf({ history, scale }: SimulationResult): Deferred {
  const sums = new Map<string, number>();
  for (const { deferred } of history)
    for (const [reason, pages] of Object.entries(deferred))
      sums.set(reason, (sums.get(reason) ?? 0) + pages * scale);
  return [...sums].map(([reason, pages]) => ({ reason, pages })).filter(({ pages }) => pages > 0);
}

function sumOf(deferred: Deferred): number {
  return deferred.reduce((sum, { pages }) => sum + pages, 0);
}

function item(
  result: SimulationResult,
  deferred: Deferred,
  reasons: readonly string[],
  maxPages: number,
): string {
  const of = result.pages * result.scale;
  let at = 0;
  const rects = deferred.map(({ reason, pages }) => {
    const width = (BAR_WIDTH * pages) / maxPages;
    const rect = `<rect x="${at.toFixed(1)}" width="${width.toFixed(1)}" height="10" ${fill(reason, reasons)}/>`;
    at += width;
    return rect;
  });
  const words = deferred.map(({ reason, pages }) => {
    const swatch = filledSwatch(fill(reason, reasons));
    const count = `${Math.round(pages).toLocaleString('en')} (${percentText(pages, of)})`;
    return `<li>${swatch}<span>${escapeHtml(reason)} <span class="soft">${count}</span></span></li>`;
  });
  const label = escapeHtml(
    `${result.technique}: ${deferred.map(({ reason, pages }) => `${reason} ${Math.round(pages)}`).join(', ')}`,
  );
  return `<li><b>${escapeHtml(result.technique)}</b><svg role="img" aria-label="${label}" viewBox="0 0 ${BAR_WIDTH} 10" preserveAspectRatio="none">${rects.join('')}</svg><ul>${words.join('')}</ul></li>`;
}

/** Return the fill of a reason, the same for all techniques; where colours repeat, the opacity differs. */
function fill(reason: string, reasons: readonly string[]): string {
  const i = reasons.indexOf(reason);
  return `fill="${seriesColour(i)}"${i >= SERIES_COLOURS ? ' fill-opacity="0.45"' : ''}`;
}
