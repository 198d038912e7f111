import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type NbdOptions, type NbdServer, serveNbd } from '../../../src/mount/nbd/server.js';
import type { ServedImage } from '../../../src/mount/served-image.js';
import { PageferryError } from '../../../src/page/error.js';
import { seeded } from '../../support/kernels.js';

export const PAGE = 4096;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

/** Runs `close` after the test. */
export function afterTest(close: () => void): void {
  closing.push(close);
}

export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'nbd-'));
  afterTest(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Noise with runs of zero pages: about half of all pages, the first ones too. */
export function sparseImage(pages: number, seed: number, tailBytes = 0): Buffer {
  const random = seeded(seed);
  const image = Buffer.alloc(pages * PAGE + tailBytes);
  for (let page = 2; page < pages; page++) {
    const isData = Math.floor(page / 3) % 2 === 0;
    for (let at = page * PAGE; isData && at < (page + 1) * PAGE; at += 4)
      image.writeUInt32LE(random() >>> 0, at);
  }
  image.fill(7, pages * PAGE);
  return image;
}

/** An image in memory whose zero pages are known. A read that touches byte `damagedAt` fails. */
export function memoryImage(name: string, image: Buffer, damagedAt = Number.NaN): ServedImage {
  const isZero = (page: number) => image.subarray(page * PAGE, (page + 1) * PAGE).every((byte) => byte === 0);
  return {
    name,
    bytes: image.length,
    read(out, offset) {
      if (damagedAt >= offset && damagedAt < offset + out.length)
        throw new PageferryError(
          'bad-stream',
          `page ${Math.floor(damagedAt / PAGE)}: its check does not match`,
        );
      out.set(image.subarray(offset, offset + out.length));
    },
    run(offset, maxBytes) {
      const first = Math.floor(offset / PAGE);
      const zero = isZero(first);
      let next = first + 1;
      while (next * PAGE < offset + maxBytes && isZero(next) === zero) next++;
      return { bytes: Math.min(next * PAGE - offset, maxBytes), zero };
    },
  };
}

/** The same image, read as one whose bytes come over a network; each call takes some turns. */
export function slowly(image: ServedImage): ServedImage {
  const refused = () => {
    throw new Error('has to be read without blocking');
  };
  let calls = 0;
  const wait = async () => {
    for (let turns = ++calls % 5; turns > 0; turns--) await new Promise(setImmediate);
  };
  return {
    ...image,
    read: refused,
    run: refused,
    later: {
      read: async (out, offset) => {
        await wait();
        image.read(out, offset);
      },
      run: async (offset, maxBytes) => {
        await wait();
        return image.run(offset, maxBytes);
      },
    },
  };
}

/** Serves at a UNIX socket in a temporary folder until the test ends; the lines of the log are in `log`. */
export async function serve(
  images: readonly ServedImage[],
  options: Partial<NbdOptions> = {},
): Promise<NbdServer & { readonly log: string[] }> {
  const log: string[] = [];
  const path = join(temporaryFolder(), 'nbd.sock');
  const server = await serveNbd(images, { address: { path }, onLog: (line) => log.push(line), ...options });
  afterTest(() => server.close());
  return { ...server, log };
}
