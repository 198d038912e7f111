// Encoding on threads: the same bytes as on one, and every duplicate that the index has space for.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { createEncoder } from '../../src/index.js';
import { openImage } from '../../src/node.js';
import { decoded } from '../support/streams.js';

vi.mock('../../src/engine/threads/worker-start.js', () => import('../support/early-workers.js'));

const PAGE = 4096;
const PAGES = 10_000;
const folder = mkdtempSync(join(tmpdir(), 'pageferry-encode-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Pages of 5000 contents at most, some of them zero: duplicates near and far, in an order of their own. */
function writeImage(name: string, seed: number): { file: string; bytes: Buffer; duplicates: number } {
  const bytes = Buffer.alloc(PAGES * PAGE + 100, 7);
  const seen = new Set<number>();
  let duplicates = 0;
  for (let i = 0; i < PAGES; i++) {
    const content = (i * i * seed + (i >>> 5)) % 5000;
    const page = bytes.subarray(i * PAGE, (i + 1) * PAGE);
    page.fill(0);
    if (content % 4 === 0) continue;
    page.writeUInt32LE(content, (content * 52) % 4000);
    page.writeUInt32LE(~content >>> 0, 4004);
    if (seen.has(content)) duplicates++;
    seen.add(content);
  }
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return { file, bytes, duplicates };
}

const first = writeImage('first', 7);
const second = writeImage('second', 11);

async function pack(threads: number, strategy: string) {
  const pieces: Uint8Array[] = [];
  const encoder = await createEncoder((parts) => void pieces.push(...parts.map((part) => part.slice())), {
    threads,
    strategy,
    indexPages: 4 * PAGES,
    zstd: null,
    similar: false,
  });
  let readsHere = 0;
  const sources = [first, second, first].map(({ file }) => {
    const source = openImage(file);
    const readAt = source.readAt!.bind(source);
    source.readAt = (into, position) => {
      readsHere++;
      return readAt(into, position);
    };
    return source;
  });
  try {
    // The last one is compared with the first, as its parent.
    for (const [i, source] of sources.entries()) await encoder.encode(source, i === 2 ? { parent: 0 } : {});
    const { images } = await encoder.finish();
    return { bytes: new Uint8Array(Buffer.concat(pieces)), images, readsHere };
  } finally {
    await encoder.close();
    for (const source of sources) source.close();
  }
}

test.each(['fixed:lz4', 'fixed:raw'])(
  '%s writes the same bytes on 1, 2, 4 and 7 threads',
  async (strategy) => {
    const one = await pack(1, strategy);
    const [{ codecs, ...image }] = one.images;
    expect(codecs['same-as']?.pages, JSON.stringify(image)).toBe(first.duplicates);
    for (const threads of [2, 4, 7]) {
      const { bytes, readsHere } = await pack(threads, strategy);
      // The threads compare duplicates, near and far.
      expect(readsHere, `${threads} threads`).toBe(0);
      expect(Buffer.compare(bytes, one.bytes), `${threads} threads`).toBe(0);
    }
    const images = await decoded(one.bytes);
    for (const [i, { bytes }] of [first, second, first].entries())
      expect(Buffer.compare(images.images[i]!, bytes), `image ${i}`).toBe(0);
  },
);
