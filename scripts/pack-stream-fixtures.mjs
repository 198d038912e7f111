// Packs the streams of test/fixtures/streams with a built package:
//
//   npm run build && node scripts/pack-stream-fixtures.mjs OUTPUT [DIST]
//
// The stored streams were packed by version 0.1.0 before the source tree was reorganised, and are not packed
// again: every later version has to unpack them. A version that changes the stream format adds a folder of
// its own.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { streamFixtures } from '../build/internal.mjs';

const [output, dist = 'dist'] = process.argv.slice(2);
if (output === undefined) {
  process.stderr.write('usage: node scripts/pack-stream-fixtures.mjs OUTPUT [DIST]\n');
  process.exit(2);
}
const { bytesSource, createEncoder } = await import(pathToFileURL(resolve(dist, 'index.js')).href);

mkdirSync(output, { recursive: true });
const list = [];
for (const fixture of streamFixtures()) {
  const stream = await pack(fixture);
  writeFileSync(join(output, `${fixture.name}.pfy`), stream);
  list.push({
    name: fixture.name,
    bytes: stream.length,
    sha256: sha256(stream),
    imageSha256: fixture.images.map(sha256),
  });
}
writeFileSync(join(output, 'streams.json'), `${JSON.stringify(list, null, 2)}\n`);
process.stdout.write(`${list.length} streams, ${list.reduce((sum, { bytes }) => sum + bytes, 0)} bytes\n`);

async function pack({ options, images, bases, isSizeUnknown }) {
  const parts = [];
  const write = (pieces) => {
    for (const piece of pieces) parts.push(Buffer.from(piece));
  };
  // A clock that never advances: the strategy's measurements, and so the stream, are the same on every run.
  const encoder = await createEncoder(write, {
    deltaBudgetBytes: 4 << 20,
    indexPages: 1024,
    clock: () => 0,
    ...options,
  });
  try {
    for (const [i, bytes] of bases.entries()) await encoder.base(bytesSource(bytes, `base ${i}`));
    for (const [i, bytes] of images.entries()) {
      if (isSizeUnknown) await writeInParts(encoder, `image ${i}`, bytes);
      else await encoder.encode(bytesSource(bytes, `image ${i}`));
    }
    await encoder.finish();
  } finally {
    await encoder.close();
  }
  return Buffer.concat(parts);
}

async function writeInParts(encoder, name, bytes) {
  const partBytes = 3 * 4096;
  encoder.openImage(name);
  for (let at = 0; at < bytes.length; at += partBytes) {
    await encoder.write(bytes.subarray(at, at + partBytes));
    // An image that ends within a page cannot be flushed after its last part.
    if (at + partBytes <= bytes.length) await encoder.flush();
  }
  await encoder.endImage();
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
