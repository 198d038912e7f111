import { WriteForecast } from '../forecast.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * A forecast for every page of whether it will be written to, an exponentially weighted mean of the rounds so far; pages with a high
 * one are left for the last round, which begins when no others are left or their number no longer falls.
 *
 * A reconstruction: the paper's forecast of a time series of dirty bitmaps, with this mean and these constants of ours.
 */
export const timeSeries: Technique = {
  name: 'time-series',
  what: 'leaves pages for the last round that a forecast says will be written to',
  source: 'Arputharaj et al. 2013 [2]; Hu et al., ICPADS 2011',
  migrate(migration) {
    const forecast = new WriteForecast(migration.pages);
    let least = Infinity;
    return precopy(migration, {
      leave: forecast.leave,
      ended: (dirty) => forecast.add(dirty),
      enough(left, round) {
        let low = 0;
        for (const page of left) if (!forecast.isHigh(page)) low++;
        const shrinks = low < least;
        least = Math.min(least, low);
        return low === 0 || (round > 3 && !shrinks);
      },
    });
  },
};
