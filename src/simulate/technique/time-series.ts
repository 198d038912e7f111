import { WriteForecast } from '../forecast.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * Pre-copy with a forecast of writes: for each page an exponentially weighted average of the rounds. Pages
 * with a high forecast are sent in the last round, which begins when no other pages remain, or their number
 * stops falling. A reconstruction: forecasting a time series of dirty bitmaps is the paper's; the average and
 * its constants are ours.
 */
export const timeSeries: Technique = {
  name: 'time-series',
  summary: 'sends pages in the last round that a forecast expects to be written',
  reference: 'Arputharaj et al. 2013 [2]; Hu et al., ICPADS 2011',
  migrate(migration) {
    const forecast = new WriteForecast(migration.pages);
    let fewest = Infinity;
    return runPreCopy(migration, {
      deferReason: forecast.deferReason,
      onRound: (dirty) => forecast.add(dirty),
      isDone(remaining, round) {
        let low = 0;
        for (const page of remaining) if (!forecast.isHigh(page)) low++;
        const shrinks = low < fewest;
        fewest = Math.min(fewest, low);
        return low === 0 || (round > 3 && !shrinks);
      },
    });
  },
};
