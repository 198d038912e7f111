// A strategy of your own: a plain object that says, page by page, which codec it is to be. It is only asked
// about pages that need one: zero, unchanged and duplicate pages are found before. How it does beside all
// others, on ten workloads and five links:
//   npm run bench -- tradeoff --strategy examples/my-strategy.mjs

/**
 * Mostly zero: note what is not. Little changed: note what did. The rest goes into a group that LZ4 packs as
 * a whole.
 */
export const mine = {
  name: 'mine',
  choose(page) {
    if (page.profile.zeroWords > 0.75 * page.profile.words) return 'zero-aware';
    return page.hasVersion && page.measure('xbzrle') < page.pageBytes / 2 ? 'xbzrle' : 'group';
  },
  pack: () => ({ name: 'lz4' }),
};
