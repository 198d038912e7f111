// Packed files on a web server, through range requests.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openServed } from '../../src/mount/open-served.js';
import { CLI, start } from '../cli/cli.js';
import { serveFile } from '../image/http/server.js';
import { Client } from './nbd/client.js';
import { afterTest, PAGE, serve, sparseImage, temporaryFolder } from './nbd/support.js';

const image = sparseImage(3000, 4, 100);

function packed(): Buffer {
  const folder = temporaryFolder();
  const file = (name: string) => join(folder, name);
  fs.writeFileSync(file('guest.raw'), image);
  const { status } = spawnSync(process.execPath, [CLI, 'pack', file('guest.raw'), '-o', file('guest.pack')]);
  expect(status).toBe(0);
  return fs.readFileSync(file('guest.pack'));
}

it('NBD exports come from a web server; several clients at a time', async () => {
  const web = await serveFile(packed());
  const served = await openServed(web.url, { isAsync: true });
  afterTest(() => served.close());
  const server = await serve(served.images);
  expect(served.images.map(({ name, bytes }) => [name, bytes])).toEqual([['guest', image.length]]);
  const clients = await Promise.all([1, 2, 3].map(() => Client.open(server.address, 'guest')));
  await Promise.all(
    clients.map(async (client, i) => {
      for (let offset = i * PAGE; offset < image.length; offset += 500_000 + i) {
        const part = image.subarray(offset, offset + 100_000);
        expect((await client.read(offset, part.length)).equals(part)).toBe(true);
      }
    }),
  );
  expect((await clients[0]!.status(0, 3 * PAGE))[0]).toEqual([2 * PAGE, 3]);
  // The file changes: an error for reads that need new bytes, and the server goes on.
  const other = await Client.open(server.address, 'guest');
  expect((await other.read(0, 4 * PAGE)).equals(image.subarray(0, 4 * PAGE))).toBe(true);
});

it('a file that changes in between is an I/O error, and the next client is served', async () => {
  const web = await serveFile(packed());
  const served = await openServed(web.url, { isAsync: true });
  afterTest(() => served.close());
  const server = await serve(served.images);
  const client = await Client.open(server.address, 'guest');
  web.etag = '"2"';
  await expect(client.read(PAGE, 5 * PAGE)).rejects.toThrow(`error 5: ${web.url}: has changed on the server`);
  expect(server.log).toHaveLength(1);
  web.etag = '"1"';
  expect((await client.read(PAGE, 5 * PAGE)).equals(image.subarray(PAGE, 6 * PAGE))).toBe(true);
});

it('a file that is no packed stream is named, without the query of its URL', async () => {
  const web = await serveFile(Buffer.alloc(5000, 7));
  await expect(openServed(`${web.url}?token=1`, { isAsync: true })).rejects.toThrow(
    `${web.url}: not a pageferry stream: it does not begin with the magic`,
  );
});

const canMount = process.getuid?.() === 0 && fs.existsSync('/dev/fuse');
if (!canMount) console.warn('mounts of files on a web server: skipped, they need root and /dev/fuse');
it.skipIf(!canMount)('a mount reads from a web server', async () => {
  const web = await serveFile(packed());
  const path = join(temporaryFolder(), 'mnt');
  fs.mkdirSync(path);
  const child = start(['mount', web.url, path]);
  afterTest(() => child.kill('SIGKILL'));
  let text = '';
  for await (const bytes of child.stdout!) {
    text += bytes;
    if (text.includes('\n')) break;
  }
  // This process serves the file: it may not block in a read of the mount.
  const content = await fs.promises.readFile(join(path, 'guest.raw'));
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('close', resolve));
  expect(content.equals(image)).toBe(true);
});
