// A strategy of your own: a plain object that chooses a codec for each page. Zero, unchanged and duplicate
// pages are found before and never reach it. To compare it with all others, on ten workloads and five links:
//   npm run bench -- tradeoff --strategy examples/my-strategy.mjs

/**
 * Mostly zero pages: `zero-aware`. Little changed pages: a delta (`xbzrle`). The rest: a group that LZ4 packs
 * as a whole.
 */
export const mine = {
  name: 'mine',
  choose(page) {
    if (page.profile.zeroWords > 0.75 * page.profile.words) return 'zero-aware';
    return page.hasVersion && page.measure('xbzrle') < page.pageBytes / 2 ? 'xbzrle' : 'group';
  },
  pack: () => ({ name: 'lz4' }),
};
