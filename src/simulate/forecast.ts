import type { PageBitmap } from '../page/bitmap.js';

/** How much the last round counts against those before it, and above which forecast a page is taken to be written to. */
const WEIGHT = 0.5;
const HIGH = 0.6;

/** A forecast for every page of whether it will be written to: an exponentially weighted mean of the rounds so far. */
export class WriteForecast {
  private readonly means: Float32Array;

  constructor(pages: number) {
    this.means = new Float32Array(pages);
  }

  isHigh(page: number): boolean {
    return this.means[page]! > HIGH;
  }

  /** Why a page is left for later, if it is. */
  readonly leave = (page: number): string | undefined =>
    this.isHigh(page) ? 'forecast to be written to' : undefined;

  /** Takes in what was written to in a round. */
  add(dirty: PageBitmap): void {
    const { means } = this;
    for (let page = 0; page < means.length; page++)
      means[page] = WEIGHT * (dirty.has(page) ? 1 : 0) + (1 - WEIGHT) * means[page]!;
  }
}
