// Image files with headers, or whose pages are compressed: their memory is served; a store keeps the file.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { openServed } from '../../src/mount/open-served.js';
import { createStore } from '../../src/store.js';
import { imageExamples } from '../image/image-examples.js';
import { makeKdump } from '../image/kdump-support.js';
import { randomBytes, testFolder } from '../image/support.js';

const folder = testFolder();
const page = randomBytes(4096, 1);
const memory = Buffer.concat([page, Buffer.alloc(4096, 5), Buffer.alloc(4096)]);
const kdump = makeKdump([
  { number: 1, bytes: page },
  { number: 2, bytes: Buffer.alloc(4096, 5), coding: 'zlib' },
  { number: 4, bytes: Buffer.alloc(4096) },
]);
const FILES = [...imageExamples(), { name: 'dump.kdump', file: kdump, image: memory }];

it.each(FILES)(
  '$name: its memory is served, and a store keeps the whole file',
  async ({ name, file, image }) => {
    const path = join(folder, name);
    fs.writeFileSync(path, file);
    expect(await servedBytes(path)).toEqual(image);
    const dir = join(folder, `${name}.store`);
    const store = await createStore(dir);
    const source = openImage(path, { format: 'raw' });
    await store.put(source, { name: 'whole' });
    source.close();
    await store.close();
    expect(await servedBytes(`${dir}:whole`)).toEqual(file);
  },
);

/** Read what is served in pieces whose ends are in the middle of pages. */
async function servedBytes(specification: string): Promise<Buffer> {
  const served = await openServed(specification);
  try {
    const image = served.images[0]!;
    const out = Buffer.alloc(image.bytes);
    for (let at = 0; at < out.length; at += 1000) image.read(out.subarray(at, at + 1000), at);
    return out;
  } finally {
    served.close();
  }
}
