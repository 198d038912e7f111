import { isRaw } from '../terminal/names.js';

/** How a way looks in every chart: never by its colour alone. */
export interface WayLook {
  readonly colour: string;
  readonly symbol: 'circle' | 'square' | 'diamond' | 'triangle' | 'star' | 'wye' | 'cross';
  readonly dash: string;
  readonly widthPx: number;
}

const SYMBOLS = ['square', 'diamond', 'triangle', 'star', 'wye', 'cross'] as const;
const DASHES = ['none', '6 3', '2 3', '9 3 2 3'];
/** As many as the style sheet has colours: `--way-0`, … */
const COLOURS = 8;

/** One look a way, in their order. */
export function looksOf(ways: readonly { readonly name: string; readonly adaptive: boolean }[]): WayLook[] {
  let next = 0;
  return ways.map(({ name, adaptive }) => {
    if (isRaw(name)) return { colour: 'var(--raw)', symbol: 'circle', dash: 'none', widthPx: 2.5 };
    if (name === 'adaptive')
      return { colour: 'var(--adaptive)', symbol: 'circle', dash: 'none', widthPx: 3.5 };
    const i = next++;
    return {
      colour: `var(--way-${i % COLOURS})`,
      symbol: SYMBOLS[i % SYMBOLS.length]!,
      dash: DASHES[Math.floor(i / 2) % DASHES.length]!,
      widthPx: adaptive ? 2.5 : 1.75,
    };
  });
}
