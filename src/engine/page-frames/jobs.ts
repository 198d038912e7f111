import type { CodecContext } from '../../codec/codec.js';
import { keyedDigests } from '../../dedup/keyed-digest.js';
import { packPages } from './pack-pages.js';

/** Jobs of a store. They are apart, so that browsers do not load their code. */
export interface PageFrameJobs {
  readonly packPages: typeof packPages;
  readonly surveyKeyed: typeof surveyKeyed;
}

export const PAGE_FRAME_JOBS: PageFrameJobs = { packPages, surveyKeyed };

/**
 * Compute the classes of `count` whole pages, and the keyed digests of all that are not zero. `key`: address
 * of 32 bytes.
 */
function surveyKeyed(
  codec: CodecContext,
  address: number,
  count: number,
  pageBytes: number,
  classes: number,
  digests: number,
  key: number,
): void {
  const { kernels, wkdmScratch } = codec;
  kernels.run.scanPages(address, count, pageBytes, classes);
  // The scratch of WKdm is larger than that of BLAKE3; neither keeps anything between calls.
  keyedDigests(kernels, address, count, pageBytes, classes, key, digests, wkdmScratch);
}
