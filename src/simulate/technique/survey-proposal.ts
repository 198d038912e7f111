import { changedSinceVisit } from '../first-pages.js';
import { leastDataStrategy } from '../least-data.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Bytes of a digest; one for each kept page is sent, since contents are compared, not generations. */
const DIGEST_BYTES = 16;

/**
 * The survey's proposal: reuse the memory that the destination kept, send the least data by a performance
 * model, over an authenticated and encrypted channel.
 * A reconstruction of one paragraph: kept pages are identified by content; `smallest` gives the least data,
 * and the model uses `adaptive` where `smallest` would be slower than the link; the channel is TLS 1.3, whose
 * records and encryption are counted.
 */
export const surveyProposal: Technique = {
  name: 'survey-proposal',
  summary: 'reuses memory kept by the destination, sends the least data that pays, over an encrypted channel',
  reference: 'the survey’s conclusion (IJERGS 5(2), 2017)',
  strategy: leastDataStrategy,
  dedup: 'similar',
  encrypted: true,
  migrate: (migration) =>
    runPreCopy(migration, { firstPages: () => changedSinceVisit(migration, DIGEST_BYTES) }),
};
