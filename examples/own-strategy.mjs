// A strategy of your own (my-strategy.mjs, ten lines) compared with built-in ones, on the memory of a real
// program.
import { bytesSource, createEncoder } from 'pageferry';
import { mine } from './my-strategy.mjs';
import { shopRounds } from './support/sql-shop.mjs';
import { size, table } from './support/table.mjs';

const images = [];
for await (const image of shopRounds()) images.push(image);

const rows = [];
for (const strategy of [mine, 'adaptive', 'fixed:lz4', 'fixed:zstd:3']) {
  const encoder = await createEncoder(() => {}, { strategy, linkBitsPerSecond: 1e9 });
  for (const { bytes, name } of images) await encoder.encode(bytesSource(bytes, name));
  const { bytesOut, encodeMs, codecs } = await encoder.finish();
  const used = Object.entries(codecs).map(([name, { pages }]) => `${name} ${pages}`);
  rows.push([strategy.name ?? strategy, size(bytesOut), encodeMs.toFixed(0), used.join(', ')]);
}
process.stdout.write(`${table(['strategy', '>out', '>ms', 'pages by codec'], rows)}\n`);
