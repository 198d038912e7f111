// Pages as guests have them, small enough that a fault shows and varied enough that every codec has something
// to do.
import type { Dice } from './mutate.js';

const TEXT = new TextEncoder().encode('the page moves, the guest runs on; a dirty page moves yet again. ');

const KINDS: Record<string, (page: Uint8Array, dice: Dice) => void> = {
  zero: () => {},
  same: (page, dice) => page.fill(dice.word()),
  sparse: (page, dice) => {
    for (let i = 0; i < 1 + page.length / 60; i++) page[dice.below(page.length)] = dice.word();
  },
  text: (page, dice) => {
    for (let i = 0, at = dice.below(60); i < page.length; i++, at++)
      page[i] = TEXT[at % TEXT.length]! ^ (dice.oneIn(90) ? 7 : 0);
  },
  pointers: (page, dice) => {
    const view = new DataView(page.buffer, page.byteOffset, page.length);
    const heap = dice.word();
    for (let at = 0; at + 8 <= page.length; at += 8) {
      if (dice.oneIn(3)) continue;
      view.setUint32(at, (heap + dice.below(1 << 13) * 8) >>> 0, true);
      view.setUint32(at + 4, 0xffff8880, true);
    }
  },
  runs: (page, dice) => {
    for (let at = 0; at < page.length; ) {
      const bytes = 1 + dice.below(dice.oneIn(6) ? 300 : 7);
      page.fill(dice.below(5), at, at + bytes);
      at += bytes;
    }
  },
  repeats: (page, dice) => {
    const period = 1 + dice.below(40);
    for (let i = 0; i < page.length; i++)
      page[i] = i < period ? dice.word() : page[i - period]! ^ (dice.oneIn(300) ? 1 : 0);
  },
  random: (page, dice) => {
    for (let i = 0; i < page.length; i++) page[i] = dice.word();
  },
};

export const PAGE_KINDS = Object.keys(KINDS);

export function makePage(kind: string, bytes: number, dice: Dice): Uint8Array {
  const page = new Uint8Array(bytes);
  if (bytes > 0) KINDS[kind]!(page, dice);
  return page;
}

/** The page some time later: a few stretches of it were written to. */
export function dirtied(page: Uint8Array, dice: Dice): Uint8Array {
  const later = page.slice();
  for (let left = 1 + dice.below(dice.oneIn(4) ? 60 : 6); left > 0 && page.length > 0; left--) {
    const at = dice.below(page.length);
    for (let i = at; i < Math.min(page.length, at + 1 + dice.below(dice.oneIn(5) ? 200 : 12)); i++)
      later[i] = dice.word();
  }
  return later;
}
