import type { DirtySample } from '../qmp/reports.js';

/**
 * Growth of the written pages with time, as an exponent, where one sample alone is known: a guest that writes
 * some pages often has written fewer different pages in twice the time than twice as many.
 */
const ASSUMED_EXPONENT = 0.75;
/** Periods that differ by less are one: the later sample counts. */
const SAME_PERIOD = 1.05;

/**
 * Return the expected number of different pages that the guest writes in `ms`, as a function of `ms`, from
 * samples of any periods, the latest last. Between two samples it is a power law through both; it is never
 * more than linear.
 */
export function dirtyCurve(samples: readonly DirtySample[], guestPages: number): (ms: number) => number {
  const points = distinct(samples);
  if (points.length === 0) return () => 0;
  const workingSet = workingSetCurve(points);
  return (ms) => {
    if (ms <= 0) return 0;
    const above = points.findIndex((point) => point.ms >= ms);
    const [from, to] = above < 0 ? [points.at(-2), points.at(-1)!] : [points[above - 1], points[above]!];
    // Below the shortest period the curve is the steeper of what is known and a straight line.
    const exponent = above === 0 ? lowExponent(points) : from ? exponentOf(from, to) : ASSUMED_EXPONENT;
    const pages = to.pages * (ms / to.ms) ** exponent;
    return Math.min(guestPages, above === 0 && workingSet ? Math.max(pages, workingSet(ms)) : pages);
  };
}

/** A period has to be this many times longer to show how many pages a guest writes at all. */
const MIN_RATIO = 2;
const SEARCH_STEPS = 30;

/**
 * The curve of a guest that writes pages of one working set at random, `W (1 - e^(-rate ms))`, through the
 * shortest sample and the first much longer one: with most of the set written in the shortest period, a
 * power law would go down too steeply before it.
 */
function workingSetCurve(points: readonly DirtySample[]): ((ms: number) => number) | undefined {
  const short = points[0]!;
  const long = points.find(({ ms }) => ms >= MIN_RATIO * short.ms);
  if (!long || short.pages <= 0) return undefined;
  const wanted = Math.max(1, long.pages / short.pages);
  const grown = (rate: number) => Math.expm1(-rate * long.ms) / Math.expm1(-rate * short.ms);
  let [low, high] = [1e-3 / long.ms, 10 / short.ms];
  if (wanted >= grown(low)) return undefined;
  for (let i = 0; i < SEARCH_STEPS; i++) {
    const middle = Math.sqrt(low * high);
    if (grown(middle) > wanted) low = middle;
    else high = middle;
  }
  const pages = short.pages / -Math.expm1(-high * short.ms);
  return (ms) => -pages * Math.expm1(-high * ms);
}

/** The last sample of each period, by period. */
function distinct(samples: readonly DirtySample[]): DirtySample[] {
  const points: DirtySample[] = [];
  for (const sample of samples) {
    if (sample.ms <= 0) continue;
    const same = points.findIndex(({ ms }) => ms < sample.ms * SAME_PERIOD && sample.ms < ms * SAME_PERIOD);
    if (same >= 0) points.splice(same, 1);
    points.push(sample);
  }
  return points.sort((a, b) => a.ms - b.ms);
}

function exponentOf(from: DirtySample, to: DirtySample): number {
  if (from.pages <= 0) return 1;
  return Math.min(1, Math.max(0, Math.log(to.pages / from.pages) / Math.log(to.ms / from.ms)));
}

/** Pages overlap less in a shorter period, so the curve is at least as steep as between the first samples. */
function lowExponent(points: readonly DirtySample[]): number {
  const [first, second] = points;
  return second ? Math.max(ASSUMED_EXPONENT, exponentOf(first!, second)) : ASSUMED_EXPONENT;
}
