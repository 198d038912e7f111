// What the commands of a store tell the user, before and after they change something.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { servedKeyFile } from '../../src/cli/served-key-file.js';
import { openStore } from '../../src/store.js';
import { system } from '../cli/cli.js';
import { cli, done, fails } from '../cli/in-process.js';
import { makeCore } from '../image/elf-support.js';
import { minidumpHead } from '../image/minidump-support.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const file = (name: string) => join(stores.path, name);
const first = guestImage(PAGE, 1, 100);
fs.writeFileSync(file('first'), first);
fs.writeFileSync(file('second'), laterImage(first, PAGE, 2));
fs.writeFileSync(file('packed.gz'), gzipSync(first));

/** Noise, which takes as many bytes in a pack. */
function noise(pages: number, seed: number): Buffer {
  const random = seeded(seed);
  const bytes = Buffer.alloc(pages * PAGE);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(random() >>> 0, at);
  return bytes;
}

async function newStore(): Promise<string> {
  const store = await stores.create();
  await store.close();
  return store.dir;
}

const names = async (dir: string) =>
  JSON.parse((await done(['store', 'list', '-s', dir, '--json'])).stdout.toString()).snapshots.map(
    ({ name }: { readonly name: string }) => name,
  );
const text = async (...args: string[]) => (await done(['store', ...args])).stdout.toString();

test('put checks all images before it stores the first one', async () => {
  const dir = await newStore();
  const put = ['store', 'put', '-s', dir, '--threads', '1'];
  const both = (name: string) => [...put, file('first'), file(name)];
  await fails(1, both('none'), /none: cannot open: no such file or directory/);
  await fails(1, both('packed.gz'), /packed\.gz: is a file of the kind gzip; decompress it first/);
  await fails(1, [...put, file('first'), stores.path], /is a directory/);
  await fails(1, [...both('second'), '--name', 'a', '--name', 'b/c'], /"b\/c": not a name for a snapshot/);
  await fails(1, [...put, file('first'), '--state', file('none')], /none: cannot open/);
  await fails(
    1,
    [...put, file('first'), '--parent', 'none'],
    /has no snapshot "none"; store list names them/,
  );
  fs.mkdirSync(file('other'), { recursive: true });
  fs.writeFileSync(file('other/first.raw'), first);
  await fails(
    2,
    both('other/first.raw'),
    /first and .*other\/first\.raw: both would be the snapshot first; give each image a --name/,
  );
  await fails(
    2,
    [...put, '-', '--name', 'a', '--diff-of', 'first'],
    /--diff-of: standard input has no holes/,
  );
  expect(await names(dir)).toEqual([]);
  await done([...put, file('second')]);
  await fails(
    1,
    both('second'),
    /has a snapshot second already; give another --name, remove it first \(store rm second\), or skip it \(--skip-existing\)/,
  );
  fs.writeFileSync(file('small'), first.subarray(0, PAGE));
  const diffs = [...put, '--diff-of', 'second', file('first'), file('small')];
  await fails(1, diffs, /small: a diff of 4096 bytes, but snapshot second has/);
  expect(await names(dir)).toEqual(['second']);
});

test('put refuses an image that is shorter than its headers describe, as pack does', async () => {
  const dir = await newStore();
  const memory = noise(8, 3);
  const minidump = Buffer.concat([minidumpHead(1, 76), Buffer.alloc(16), memory]);
  minidump.writeBigUInt64LE(0x1000n, 60);
  minidump.writeBigUInt64LE(BigInt(memory.length), 68);
  const lime = Buffer.concat([Buffer.from('EMiL\x01\0\0\0'), Buffer.alloc(24), memory]);
  lime.writeBigUInt64LE(BigInt(memory.length - 1), 16);
  const images = { core: makeCore([{ bytes: memory }]), minidump, lime };
  for (const [format, image] of Object.entries(images)) {
    const [whole, cut] = [file(`whole-${format}`), file(`cut-${format}`)];
    fs.writeFileSync(whole, image);
    fs.writeFileSync(cut, image.subarray(0, image.length - PAGE));
    const { stderr } = await fails(1, ['pack', cut, '-o', file('packed')], /end past the file|truncated/);
    const problem = stderr.slice(0, stderr.indexOf(';'));
    const put = ['store', 'put', '-s', dir, '--threads', '1'];
    // The other image is not stored either.
    const refused = await fails(1, [...put, whole, cut], /; --format raw stores the file itself$/m);
    expect(refused.stderr).toContain(problem);
    expect(await names(dir)).toEqual([]);
    await done([...put, whole]);
    await done([...put, cut, '--format', 'raw']);
    await done(['store', 'get', '-s', dir, `cut-${format}`, '-o', file('got')]);
    expect(Buffer.compare(fs.readFileSync(file('got')), fs.readFileSync(cut))).toBe(0);
    await done(['store', 'rm', '-s', dir, `whole-${format}`, `cut-${format}`]);
  }
  // Of a variant that cannot be read, nothing is known to be missing.
  fs.writeFileSync(file('unsupported'), makeCore([{ bytes: memory }], { class: 7 }));
  await fails(1, ['pack', file('unsupported'), '-o', file('packed')], /unsupported: /);
  await done(['store', 'put', '-s', dir, file('unsupported')]);
});

test('put names the images that are stored when a later one fails', async () => {
  const dir = await newStore();
  const pipe = file('pipe');
  expect(system('mkfifo', [pipe]).status).toBe(0);
  const writer = spawn('sh', ['-c', `cat "$0" > "$1"`, file('packed.gz'), pipe], { stdio: 'ignore' });
  try {
    const run = ['store', 'put', '-s', dir, '--threads', '1', file('first'), file('second'), pipe];
    const { code, stderr } = await cli(run);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^pageferry: .*pipe: is a file of the kind gzip; .*; 2 of 3 images are stored, the last one as second: run the command again with --skip-existing to go on\n$/,
      ),
    ]);
  } finally {
    writer.kill();
  }
  expect(await names(dir)).toEqual(['first', 'second']);
});

test('rm and prune print what is removed and what gc frees', async () => {
  const dir = await newStore();
  const store = await openStore(dir);
  fs.writeFileSync(file('noise-a'), noise(16, 1));
  fs.writeFileSync(file('noise-b'), noise(80, 2));
  fs.writeFileSync(file('state'), 'registers');
  await text('put', '-s', dir, file('first'), file('noise-a'));
  await text('put', '-s', dir, file('noise-b'), '--state', file('state'));
  await text('put', '-s', dir, file('noise-b'), '--name', 'again');
  expect(await text('rm', '-s', dir, 'again')).toBe(
    'removed 1 snapshot: again; store gc frees nothing: other snapshots have the same pages\n',
  );
  expect(await text('rm', '-s', dir, 'noise-a')).toMatch(
    /^removed 1 snapshot: noise-a; store gc --free-share 0 frees 6\d\.\d KiB\n$/,
  );
  await fails(1, ['store', 'rm', '-s', dir, 'noise-b', 'none'], /has no snapshot "none"/);
  const removed = JSON.parse(await text('rm', '-s', dir, 'noise-b', '--json'));
  expect(removed.removed).toEqual(['noise-b', 'noise-b.state']);
  expect(removed.unusedBytes).toBe(removed.collectedBytes);
  const { bytesBefore, bytesAfter } = await store.gc();
  // Frames that were moved are in a new pack, with a header of its own.
  expect(Math.abs(bytesBefore - bytesAfter - removed.collectedBytes)).toBeLessThanOrEqual(64);
  expect(bytesBefore - bytesAfter).toBeGreaterThan(96 * PAGE);
  await text('put', '-s', dir, file('noise-b'));
  const prune = ['prune', '-s', dir, '--keep-last', '1'];
  expect(await text(...prune, '--dry-run')).toMatch(/\n1 kept, 1 would be removed\n$/);
  expect(await text(...prune)).toMatch(
    /\n1 kept, 1 removed; store gc (--free-share 0 )?frees \d+\.\d KiB\n$/,
  );
  expect(await text(...prune)).toMatch(/\n1 kept, 0 removed\n$/);
  await store.close();
});

test('gc prints the bytes that packs below the free share keep, and the command that frees them', async () => {
  const dir = await newStore();
  fs.writeFileSync(file('noise-a'), noise(16, 1));
  fs.writeFileSync(file('noise-b'), noise(80, 2));
  await text('put', '-s', dir, file('noise-a'));
  await text('put', '-s', dir, file('noise-b'));
  const { unusedBytes } = JSON.parse(await text('rm', '-s', dir, 'noise-a', '--json'));
  expect(unusedBytes).toBeGreaterThan(16 * PAGE);
  const kept = (share: string) =>
    new RegExp(
      `^\\d+ frames? and 0 packs removed: .*\n6\\d\\.\\d KiB stay unused, in packs with a free share of at most ${share}; ` +
        'store gc --free-share 0 frees them\n$',
    );
  expect(await text('gc', '-s', dir)).toMatch(kept('0.2'));
  // The frames are removed already, their bytes are not.
  expect(await text('gc', '-s', dir, '--free-share', '1')).toMatch(kept('1'));
  expect(JSON.parse(await text('gc', '-s', dir, '--json')).unusedBytes).toBe(unusedBytes);
  expect(await text('gc', '-s', dir, '--free-share', '0')).toMatch(/^0 frames and 1 pack removed: .*\n$/);
  expect(JSON.parse(await text('gc', '-s', dir, '--json')).unusedBytes).toBe(0);
});

test('damage is reported with the store, the snapshot and the command that finds all of it', async () => {
  const dir = await newStore();
  await text('put', '-s', dir, file('first'));
  const pack = join(dir, 'packs', '00000001.pack');
  const bytes = fs.readFileSync(pack);
  bytes[bytes.length >> 1]! ^= 1;
  fs.writeFileSync(pack, bytes);
  const found =
    'frame \\d+ \\(00000001\\.pack at \\d+\\): its check differs; store check --read-data lists all damage';
  await fails(
    1,
    ['store', 'get', '-s', dir, 'first', '-o', file('out')],
    new RegExp(`${dir}: snapshot first: ${found}`),
  );
  await fails(1, ['store', 'export', '-s', dir, 'first', '-o', file('out')], new RegExp(`${dir}: ${found}`));
  expect(fs.existsSync(file('out'))).toBe(false);
});

test('a directory that is a store, or in one, is not made a store; it is no packed file', async () => {
  const dir = await newStore();
  await fails(
    1,
    ['unpack', dir, '-o', file('out')],
    /is a store; pageferry store get writes a snapshot of it/,
  );
  await fails(1, ['verify', dir], /is a store; .* store check verifies it/);
  await fails(1, ['store', 'init', dir], /: is a store already; name a new directory/);
  await fails(
    1,
    ['store', 'init', join(dir, 'a', 'b')],
    new RegExp(`/a/b: is inside of the store ${dir}; name a directory outside`),
  );
  expect(fs.existsSync(join(dir, 'a'))).toBe(false);
});

test('import names the snapshots that the store has, and imports nothing', async () => {
  const dir = await newStore();
  await text(
    'put',
    '-s',
    dir,
    file('first'),
    file('second'),
    file('other/first.raw'),
    '--name',
    'a',
    '--name',
    'b',
    '--name',
    'c',
  );
  await text('export', '-s', dir, 'a', 'b', 'c', '-o', file('stream'));
  await text('rm', '-s', dir, 'b');
  await fails(
    1,
    ['store', 'import', '-s', dir, file('stream')],
    /has snapshots a, c already, of the 3 of .*stream: nothing is imported; remove them first \(store rm\), or import into another store/,
  );
  expect(await names(dir)).toEqual(['a', 'c']);
});

test('the key file of the environment is for stores; one that is given is for whatever is served', async () => {
  const dir = await newStore();
  const before = process.env.PAGEFERRY_KEY_FILE;
  process.env.PAGEFERRY_KEY_FILE = file('key');
  try {
    const key = { keyFile: file('key') };
    for (const source of [dir, `${dir}:first`])
      expect(servedKeyFile(source, { 'key-file': undefined })).toEqual(key);
    for (const source of [file('first'), 'https://host/store', 'none'])
      expect(servedKeyFile(source, { 'key-file': undefined })).toEqual({ keyFile: undefined });
    expect(servedKeyFile(file('first'), { 'key-file': 'given' })).toEqual({ keyFile: 'given' });
    await fails(
      1,
      ['store', 'stats', '-s', dir],
      /is not encrypted; open it without a key file \(--key-file, PAGEFERRY_KEY_FILE\)/,
    );
  } finally {
    if (before === undefined) delete process.env.PAGEFERRY_KEY_FILE;
    else process.env.PAGEFERRY_KEY_FILE = before;
  }
});
