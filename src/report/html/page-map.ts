import type { PageMap, WorkloadReport } from '../../analyze/tradeoff/report.js';
import type { Codec } from '../../codec/registry.js';
import { percentText } from '../terminal/units.js';
import { figure, type Size } from './chart.js';
import { CODECS_BY_CLASS, codecClass } from './codec-colours.js';
import { escapeHtml } from './escape.js';
import { filledSwatch, legendList } from './legend.js';

/** Return the map of the last image, row by row. */
export function mapFigure({ map, pages }: WorkloadReport): string {
  if (map.cells.length === 0) return '';
  const cell =
    map.cellPages === 1 ? 'one page' : `${map.cellPages} pages, in the colour of the most frequent codec`;
  const caption = `${map.image}, from its first page (top left) to its last, row by row. Each cell is ${cell}.`;
  return figure('Pages by codec', caption, (size) => draw(size, map), legend(map, pages));
}

/** Rows overlap a little, so that no seam is visible at any zoom. */
const OVERLAP_PX = 0.5;

/** Draw runs of equal cells in a row as one rectangle. */
function draw(size: Size, map: PageMap): string {
  const columns = columnsOf(map.cells.length, size);
  const rows = Math.ceil(map.cells.length / columns);
  const cellPx = size.width / columns;
  const px = (cells: number) => Number((cells * cellPx).toFixed(2));
  const rects = runsOf(map.cells, columns).map(({ from, to }) => {
    const { class: pageClass, codec } = map.cells[from]!;
    const [x, y] = [from % columns, Math.floor(from / columns)];
    const colour = codecClass(codecOf(codec)?.name ?? 'raw');
    const pages = `pages ${from * map.cellPages} to ${Math.min(map.pages, to * map.cellPages) - 1}: ${pageClass}, ${codec}`;
    const shape = `x="${px(x)}" y="${px(y)}" width="${px(to - from)}" height="${px(1) + OVERLAP_PX}"`;
    return `<rect class="${colour}" ${shape}><title>${escapeHtml(pages)}</title></rect>`;
  });
  const label = escapeHtml(`Map of ${map.image}: ${countsText(map)}`);
  const svg = `<svg role="img" aria-label="${label}" class="map" width="${size.width}" viewBox="0 0 ${size.width} ${px(rows)}">`;
  return `${svg}${rects.join('')}</svg>`;
}

function columnsOf(cells: number, { name }: Size): number {
  const [aspect, step] = name === 'wide' ? [3, 16] : [1, 8];
  return Math.max(step, Math.round(Math.sqrt(cells * aspect) / step) * step);
}

/** Return the runs of equal cells within each row of `columns` cells. */
export function runsOf(cells: PageMap['cells'], columns: number): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  cells.forEach((cell, i) => {
    const run = runs.at(-1);
    const before = cells[i - 1];
    if (run && i % columns !== 0 && before?.class === cell.class && before.codec === cell.codec)
      run.to = i + 1;
    else runs.push({ from: i, to: i + 1 });
  });
  return runs;
}

/** Return the codec of the registry: `zstd:3` is zstd. */
function codecOf(codec: string): Codec | undefined {
  const name = codec.split(':')[0]!;
  return CODECS_BY_CLASS.find((known) => known.name === name);
}

/** Return the pages of each codec, in the order of the classes. */
function codecCounts({ counts }: PageMap) {
  const order = (codec: string) => {
    const known = codecOf(codec);
    return known ? CODECS_BY_CLASS.indexOf(known) : CODECS_BY_CLASS.length;
  };
  return Object.entries(counts)
    .filter(([, pages]) => pages > 0)
    .sort(([a], [b]) => order(a) - order(b))
    .map(([codec, pages]) => ({
      codec,
      pages,
      colour: codecClass(codecOf(codec)?.name ?? 'raw'),
      means: codecOf(codec)?.label ?? '',
    }));
}

function countsText(map: PageMap): string {
  return codecCounts(map)
    .map(({ codec, pages }) => `${codec} ${percentText(pages, map.pages)}`)
    .join(', ');
}

function legend(map: PageMap, pages: number): string {
  const items = codecCounts(map).map(({ codec, pages: count, colour, means }) => {
    const swatch = filledSwatch(`class="${colour}"`);
    const share = `${count.toLocaleString('en')} pages, ${percentText(count, map.pages || pages)}`;
    return `${swatch}<span><b>${escapeHtml(codec)}</b> ${escapeHtml(means)}<br><span class="soft">${share}</span></span>`;
  });
  return legendList(items);
}
