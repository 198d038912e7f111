import { changedSinceVisit } from '../first-pages.js';
import { leastDataStrategy } from '../least-data.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Bytes of a digest; one for each kept page is sent, since contents are compared, not generations. */
const DIGEST_BYTES = 16;

/**
 * The survey's own proposal, from its conclusion: reuse what the other host already holds, send the least data by a performance model,
 * and do both over an authenticated and encrypted channel.
 *
 * A reconstruction of a paragraph: what is held is told by content; `smallest` is the least data of all that the codecs can give, and
 * the model falls back to `adaptive` where finding it would take longer than the link; the channel is TLS 1.3, whose records and
 * sealing are counted.
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
