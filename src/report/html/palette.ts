import { isRaw } from '../terminal/names.js';

/** Style of a strategy in every chart: it differs by symbol or dashes too, not only by colour. */
export interface StrategyStyle {
  readonly colour: string;
  readonly symbol: 'circle' | 'square' | 'diamond' | 'triangle' | 'star' | 'wye' | 'cross';
  readonly dash: string;
  readonly widthPx: number;
}

const SYMBOLS = ['square', 'diamond', 'triangle', 'star', 'wye', 'cross'] as const;
const DASHES = ['none', '6 3', '2 3', '9 3 2 3'];
/** Number of series colours in the style sheet: `--series-0`, … */
export const SERIES_COLOURS = 8;

/** Return the colour of series `i` as CSS; colours repeat after SERIES_COLOURS. */
export function seriesColour(i: number): string {
  return `var(--series-${i % SERIES_COLOURS})`;
}

/** Return the style of each strategy, in order. */
export function stylesOf(
  strategies: readonly { readonly name: string; readonly adaptive: boolean }[],
): StrategyStyle[] {
  let next = 0;
  return strategies.map(({ name, adaptive }) => {
    if (isRaw(name)) return { colour: 'var(--raw)', symbol: 'circle', dash: 'none', widthPx: 2.5 };
    if (name === 'adaptive')
      return { colour: 'var(--adaptive)', symbol: 'circle', dash: 'none', widthPx: 3.5 };
    const i = next++;
    return {
      colour: seriesColour(i),
      symbol: SYMBOLS[i % SYMBOLS.length]!,
      dash: DASHES[Math.floor(i / 2) % DASHES.length]!,
      widthPx: adaptive ? 2.5 : 1.75,
    };
  });
}
