import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { openServed } from '../../src/mount/open-served.js';
import { openUncodedImage } from '../../src/mount/uncoded-images.js';

const folder = mkdtempSync(join(tmpdir(), 'pageferry-uncoded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CONTENT = Uint8Array.from({ length: 10_001 }, (_, i) => i % 251);

it('serves any bytes of a file and counts them', async () => {
  const path = join(folder, 'guest');
  writeFileSync(path, CONTENT);
  const served = await openUncodedImage(path, 'guest');
  const [image] = served.images;
  expect([image!.name, image!.bytes]).toEqual(['guest', CONTENT.length]);
  const out = new Uint8Array(100);
  image!.read(out, 9901);
  expect(out).toEqual(CONTENT.subarray(9901));
  expect(image!.run(9901, 4096)).toEqual({ bytes: 100, zero: false });
  expect(served.counters?.()).toEqual({ packedBytes: 100, decodedBytes: 100 });
  served.close();
});

it('reports a file that was truncated after it was opened', async () => {
  const path = join(folder, 'short');
  writeFileSync(path, CONTENT);
  const served = await openUncodedImage(path, 'short');
  writeFileSync(path, CONTENT.subarray(0, 5000));
  expect(() => served.images[0]!.read(new Uint8Array(10), 4995)).toThrow('short: expected 10 bytes at 4995');
  served.close();
});

it('refuses what can only be read in order', async () => {
  await expect(openUncodedImage('/dev/null', 'null')).rejects.toThrow(
    '/dev/null: cannot be read at any position',
  );
});

it('refuses a file of a known other kind, with a remedy that a mount has', async () => {
  const path = join(folder, 'guest.gz');
  writeFileSync(path, gzipSync(CONTENT));
  await expect(openServed(path)).rejects.toThrow(
    /guest\.gz: is a file of the kind gzip; decompress it first; to read its bytes, store them with pageferry store put --format raw$/,
  );
});

it('refuses an empty file, and a packed stream that is truncated in its magic', async () => {
  const path = join(folder, 'empty');
  writeFileSync(path, '');
  await expect(openServed(path)).rejects.toThrow(
    /empty: is empty, nothing to serve; name a packed file, an image or a store$/,
  );
  for (const size of [1, 7, 8, 23]) {
    writeFileSync(
      path,
      Uint8Array.of(0x89, 0x50, 0x46, 0x59, 0x0d, 0x0a, 0x1a, 0x0a, ...CONTENT).subarray(0, size),
    );
    await expect(openServed(path)).rejects.toThrow(
      /empty: no stream header of 24 bytes at 0: truncated, .*; copy the file again, or pack the images again$/,
    );
  }
});

it('refuses options that an image does not use', async () => {
  const path = join(folder, 'guest');
  writeFileSync(path, CONTENT);
  await expect(openServed(path, { bases: ['base'] })).rejects.toThrow(
    /guest: base images are for a packed stream, and this is an image/,
  );
  await expect(openServed(path, { keyFile: 'key' })).rejects.toThrow(
    /guest: a key file is for a store, and this is none/,
  );
});
