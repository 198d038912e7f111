// A strategy of your own: a plain object that says, page by page, which codec it is to be. It is only asked about pages that
// need one: zero, unchanged and duplicate pages are found before.
import { bytesSource, createEncoder } from 'pageferry';
import { shopRounds } from './support/sql-shop.mjs';
import { size, table } from './support/table.mjs';

/** Mostly zero: note what is not. Little changed: note what did. The rest goes into a group that LZ4 packs as a whole. */
const mine = {
  name: 'mine',
  choose(page) {
    if (page.profile.zeroWords > 0.75 * page.profile.words) return 'zero-aware';
    return page.hasVersion && page.measure('xbzrle') < page.pageBytes / 2 ? 'xbzrle' : 'group';
  },
  pack: () => ({ name: 'lz4' }),
};

const images = [];
for await (const image of shopRounds()) images.push(image);

const rows = [];
for (const strategy of [mine, 'adaptive', 'smallest', 'fixed:lz4']) {
  const encoder = await createEncoder(() => {}, { strategy, linkBitsPerSecond: 1e9 });
  for (const { bytes, name } of images) await encoder.encode(bytesSource(bytes, name));
  const { bytesOut, encodeMs, codecs } = await encoder.finish();
  const used = Object.entries(codecs).map(([name, { pages }]) => `${name} ${pages}`);
  rows.push([strategy.name ?? strategy, size(bytesOut), encodeMs.toFixed(0), used.join(', ')]);
}
process.stdout.write(`${table(['strategy', '>out', '>ms', 'pages by codec'], rows)}\n`);
