import { badArgument } from '../../page/error.js';
import type { Technique } from '../technique.js';
import { alterationProbability } from './alteration-probability.js';
import { bitmapMatrix } from './bitmap-matrix.js';
import { consolidation } from './consolidation.js';
import { logRecords } from './log-records.js';
import { mdd } from './mdd.js';
import { me2 } from './me2.js';
import { mecomPreCopy } from './mecom.js';
import { memoryReuse } from './memory-reuse.js';
import { optimisedPreCopy } from './optimised-pre-copy.js';
import { pageBitmap } from './page-bitmap.js';
import { pageferry } from './pageferry.js';
import { postCopy } from './post-copy.js';
import { preCopy } from './pre-copy.js';
import { secondChance } from './second-chance.js';
import { sharedStorage } from './shared-storage.js';
import { stopAndCopy } from './stop-and-copy.js';
import { surveyProposal } from './survey-proposal.js';
import { timeSeries } from './time-series.js';
import { xbrle } from './xbrle.js';

/** All techniques, in the order of the 2017 survey. A new technique is one more line. */
export const TECHNIQUES: readonly Technique[] = [
  stopAndCopy,
  preCopy,
  timeSeries,
  optimisedPreCopy,
  pageBitmap,
  sharedStorage,
  secondChance,
  memoryReuse,
  logRecords,
  me2,
  xbrle,
  postCopy,
  mecomPreCopy,
  bitmapMatrix,
  consolidation,
  mdd,
  alterationProbability,
  surveyProposal,
  pageferry,
];

/**
 * Return a technique by name.
 * @throws PageferryError `bad-argument` when there is no such technique
 */
export function techniqueByName(name: string): Technique {
  const technique = TECHNIQUES.find((known) => known.name === name);
  if (technique) return technique;
  const names = TECHNIQUES.map((known) => known.name).join(', ');
  throw badArgument(`unknown technique "${name}": expected one of ${names}`);
}
