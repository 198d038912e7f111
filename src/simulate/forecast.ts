import type { PageBitmap } from '../page/bitmap.js';

/** Weight of the last round in the average; and average above which a page is expected to be written. */
const WEIGHT = 0.5;
const MIN_HIGH = 0.6;

/** Forecast of which pages will be written: for each page an exponentially weighted average of the rounds. */
export class WriteForecast {
  private readonly means: Float32Array;

  constructor(pages: number) {
    this.means = new Float32Array(pages);
  }

  /** Whether the page is expected to be written. */
  isHigh(page: number): boolean {
    return this.means[page]! > MIN_HIGH;
  }

  /** Return the reason to defer a page, for `PreCopyRules`. */
  readonly deferReason = (page: number): string | undefined =>
    this.isHigh(page) ? 'expected to be written' : undefined;

  /** Update the forecast with the pages written in a round. */
  add(dirty: PageBitmap): void {
    const { means } = this;
    for (let page = 0; page < means.length; page++)
      means[page] = WEIGHT * (dirty.has(page) ? 1 : 0) + (1 - WEIGHT) * means[page]!;
  }
}
