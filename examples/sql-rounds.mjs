// `npm start`: packs, verifies and unpacks the memory of a real program, SQLite in WebAssembly. With a
// directory (`npm start -- DIR`) it also saves the images and the stream, for use with the CLI.
//
// After each transaction the whole linear memory is one more image of the stream: unchanged pages are not
// sent again, pages with few changes are sent as deltas. Then the stream is decoded and every image is
// compared.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesSink, bytesSource, createEncoder, decodeImages, digestText } from 'pageferry';
import { shopRounds } from './support/sql-shop.mjs';
import { percent, size, table } from './support/table.mjs';

const PAGE_BYTES = 4096;
const LINK_BITS_PER_SECOND = 100e6;
const [directory] = process.argv.slice(2);

// Run and encode, round by round. The images are copies, so the encoder can read earlier ones again.
const stream = [];
const output = (parts) => void stream.push(...parts.map((part) => part.slice()));
const encoder = await createEncoder(output, {
  strategy: 'adaptive',
  linkBitsPerSecond: LINK_BITS_PER_SECOND,
});
const images = [];
const encodeMs = [];
for await (const { name, bytes } of shopRounds()) {
  const before = performance.now();
  await encoder.encode(bytesSource(bytes, name));
  await encoder.flush();
  encodeMs.push(performance.now() - before);
  images.push(bytes);
}
const packed = await encoder.finish();

// Unpack and verify. The decoder checks the digest of every image or throws; here the bytes are compared too.
const sinks = [];
const decodeFrom = performance.now();
const unpacked = await decodeImages(stream, () => sinks[sinks.push(bytesSink()) - 1]);
const decodeMs = performance.now() - decodeFrom;
const identical = images.map((image, i) => {
  const digest = digestText(unpacked.images[i].digest);
  return digest === digestText(packed.images[i].digest) && Buffer.compare(sinks[i].take(), image) === 0;
});

const rows = packed.images.map(({ name, bytesIn, bytesOut, codecs, digest }, i) => [
  String(i),
  name,
  ...pageClasses(images[i], images[i - 1]).map(String),
  (bytesIn / 2 ** 20).toFixed(1),
  (bytesOut / 2 ** 10).toFixed(1),
  codecText(codecs),
  encodeMs[i].toFixed(0),
  identical[i] ? `${digestText(digest).slice(0, 8)} ok` : 'NOT IDENTICAL',
]);
print(
  `The memory of SQLite in WebAssembly after each of ${images.length} transactions, packed for a link of 100 Mbit/s`,
  '',
  table(
    [
      '>#',
      'round',
      '>zero',
      '>unchanged',
      '>changed',
      '>new',
      '>MiB in',
      '>KiB out',
      'codecs',
      '>ms',
      'digest',
    ],
    rows,
  ),
  '',
  `${size(packed.bytesIn)} in, ${size(packed.bytesOut)} out (${percent(packed.bytesOut, packed.bytesIn)}): encoded in ${seconds(sum(encodeMs))}, ` +
    `sent in ${linkSeconds(packed.bytesOut)} instead of ${linkSeconds(packed.bytesIn)}, decoded and verified in ${seconds(decodeMs)}`,
  `${identical.filter(Boolean).length} of ${images.length} images identical`,
  ...packed.notes.map((note) => `note: ${note}`),
  '',
  ...whatNext(),
);
if (!identical.every(Boolean)) process.exitCode = 1;

/** Count the pages that are zero, unchanged, changed, and new (zero or absent before). */
function pageClasses(image, before = new Uint8Array(0)) {
  const classes = [0, 0, 0, 0];
  const zero = new Uint8Array(PAGE_BYTES);
  for (let at = 0; at < image.length; at += PAGE_BYTES) {
    const page = image.subarray(at, at + PAGE_BYTES);
    const last = before.subarray(at, at + PAGE_BYTES);
    if (Buffer.compare(page, zero) === 0) classes[0]++;
    else if (Buffer.compare(page, last) === 0) classes[1]++;
    else classes[last.length > 0 && Buffer.compare(last, zero) !== 0 ? 2 : 3]++;
  }
  return classes;
}

/** List the codecs of changed and new pages; zero and unchanged pages need no bytes. */
function codecText({ zero, unchanged, ...chosen }) {
  const byPages = Object.entries(chosen).sort(([, a], [, b]) => b.pages - a.pages);
  return byPages.map(([name, { pages }]) => `${name} ${pages}`).join(', ') || '-';
}

/** Save images and stream if a directory is given; return commands to try. */
function whatNext() {
  if (!directory) return ['To save these images for the CLI: npm start -- build/shop'];
  mkdirSync(directory, { recursive: true });
  images.forEach(
    (image, i) => void writeFileSync(join(directory, `${String(i).padStart(3, '0')}.raw`), image),
  );
  const file = join(directory, 'shop.pfy');
  writeFileSync(file, Buffer.concat(stream));
  const command = 'node dist/cli.js';
  return [
    `Saved as ${join(directory, '*.raw')} and ${file}. Try:`,
    `  ${command} verify ${file}`,
    `  ${command} unpack ${file} --image 3 -o again.raw`,
    `  ${command} analyze ${join(directory, '*.raw')}`,
    `  ${command} pack ${join(directory, '*.raw')} -o again.pfy --link 10Mbit`,
  ];
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(2)} s`;
}

function linkSeconds(bytes) {
  return seconds((bytes * 8000) / LINK_BITS_PER_SECOND);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function print(...lines) {
  process.stdout.write(`${lines.join('\n')}\n`);
}
