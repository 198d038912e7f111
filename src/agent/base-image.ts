import { digestText } from '../dedup/image-digest.js';
import type { BasePages } from '../dedup/remote-page-cache.js';
import { PageferryError } from '../page/error.js';

/** An image that both hosts have: its pages are sent as references, similar ones as deltas. */
export interface BaseImage extends BasePages {
  /** Digest of its bytes; it must be the same on both hosts. */
  readonly digest: Uint8Array;
}

/** @throws PageferryError `wrong-base` unless both sides have the same image, or none */
export function checkSameBase(source: Uint8Array | undefined, destination: Uint8Array | undefined): void {
  const [theirs, ours] = [source, destination].map((digest) => (digest ? digestText(digest) : 'none'));
  if (theirs !== ours)
    throw new PageferryError('wrong-base', `the source's base image is ${theirs}, the destination's ${ours}`);
}
