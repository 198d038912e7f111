import { setImmediate } from 'node:timers/promises';
import { digestText } from '../dedup/image-digest.js';
import { PageferryError } from '../page/error.js';

/** An image that both hosts hold: pages that are as they are there do not travel, others as what differs. */
export interface HeldBase {
  /** Of its bytes; the other host's has to be the same. */
  readonly digest: Uint8Array;
  readonly pages: number;
}

/** Pages are taken over this many at a time; in between, the channel says that this side is there. */
const PAGES_A_TURN = 1024;

/** @throws PageferryError `wrong-base` unless both sides hold the same image, or none */
export function mustBeSameBase(sources: Uint8Array | undefined, ours: Uint8Array | undefined): void {
  const [theirs, own] = [sources, ours].map((digest) => (digest ? digestText(digest) : 'none'));
  if (theirs !== own) throw new PageferryError('wrong-base', `the source's base image is ${theirs}, the destination's ${own}`);
}

/** Does something for every page that a guest has in common with its base. */
export async function eachBasePage(
  base: HeldBase,
  guestPages: number,
  take: (page: number) => void | Promise<void>,
): Promise<void> {
  const pages = Math.min(base.pages, guestPages);
  for (let page = 0; page < pages; page++) {
    await take(page);
    if (page % PAGES_A_TURN === PAGES_A_TURN - 1) await setImmediate();
  }
}
