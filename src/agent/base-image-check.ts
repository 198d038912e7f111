import { digestText } from '../dedup/image-digest.js';
import type { BasePages } from '../dedup/remote-page-cache.js';
import { PageferryError } from '../page/error.js';

/** An image that both hosts hold: pages that are in it do not travel, others that resemble one of it as what differs. */
export interface BaseImage extends BasePages {
  /** Of its bytes; the other host's has to be the same. */
  readonly digest: Uint8Array;
}

/** @throws PageferryError `wrong-base` unless both sides hold the same image, or none */
export function mustBeSameBase(sources: Uint8Array | undefined, ours: Uint8Array | undefined): void {
  const [theirs, own] = [sources, ours].map((digest) => (digest ? digestText(digest) : 'none'));
  if (theirs !== own)
    throw new PageferryError('wrong-base', `the source's base image is ${theirs}, the destination's ${own}`);
}
