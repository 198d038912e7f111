// A store with a key file: nothing that is stored tells what is in it, and nothing opens without the key.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bytesSink, bytesSource } from '../../src/image/memory.js';
import { PageferryError } from '../../src/page/error.js';
import { CIPHER_OVERHEAD_BYTES, Cipher } from '../../src/store/encryption/cipher.js';
import { createStore, openStore, type Store } from '../../src/store.js';
import { guestImage, laterImage } from '../support/images.js';

const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-store-encryption-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

let count = 0;
function keyFileOf(bytes: number): string {
  const path = join(folder, `key-${count++}`);
  fs.writeFileSync(path, randomBytes(bytes));
  return path;
}
const newDirectory = () => join(folder, `store-${count++}`);

async function imageOf(store: Store, name: string): Promise<Uint8Array> {
  const sink = bytesSink();
  await store.get(name, sink);
  return sink.take();
}

/** All bytes of a store's files. */
function stored(dir: string): Buffer {
  const names = fs.readdirSync(dir, { recursive: true }) as string[];
  const files = names.map((name) => join(dir, name)).filter((path) => fs.statSync(path).isFile());
  return Buffer.concat(files.map((path) => fs.readFileSync(path)));
}

const first = guestImage(4096, 1);
const second = laterImage(first, 4096, 2);
/** Random pages are stored uncompressed: their bytes are in a pack that is not encrypted. */
const noise = randomBytes(1 << 18);
const WORDS = [
  'guest-of-anna',
  'project',
  'lighthouse',
  ...[5000, 100_000].map((at) => noise.subarray(at, at + 16)),
];

async function fill(store: Store): Promise<void> {
  const labels = { project: 'lighthouse' };
  await store.put(bytesSource(first, 'a'), { name: 'guest-of-anna.1', labels });
  await store.put(bytesSource(second, 'b'), { name: 'guest-of-anna.2', parent: 'guest-of-anna.1', labels });
  await store.put(bytesSource(noise, 'c'), { name: 'noise' });
}

test('snapshots come back with the key, and neither pages, names nor labels are readable without', async () => {
  const [keyFile, dir, plainDir] = [keyFileOf(32), newDirectory(), newDirectory()];
  const store = await createStore(dir, {}, { keyFile });
  await fill(store);
  await store.close();
  const again = await openStore(dir, { keyFile });
  expect(again.list().map(({ name, labels }) => [name, labels.project])).toEqual([
    ['guest-of-anna.1', 'lighthouse'],
    ['guest-of-anna.2', 'lighthouse'],
    ['noise', undefined],
  ]);
  expect(await imageOf(again, 'guest-of-anna.1')).toEqual(first);
  expect(await imageOf(again, 'guest-of-anna.2')).toEqual(second);
  expect(again.info('guest-of-anna.2').newPages).toBeLessThan(again.info('guest-of-anna.1').newPages / 2);
  await again.remove('guest-of-anna.1');
  expect(await imageOf(again, 'guest-of-anna.2')).toEqual(second);
  await again.close();
  // The same words are found in a store that is not encrypted: the search works.
  const plain = await createStore(plainDir);
  await fill(plain);
  await plain.close();
  const [encryptedBytes, plainBytes] = [stored(dir), stored(plainDir)];
  for (const word of WORDS) {
    expect(plainBytes.includes(word), `${word}`).toBe(true);
    expect(encryptedBytes.includes(word), `${word}`).toBe(false);
  }
});

test('memory that the program has freed is not in the database', async () => {
  for (let i = 0; i < 8; i++) {
    const dir = newDirectory();
    Array.from({ length: 300 }, (_, k) => Buffer.alloc(4096 + k, 'freed memory '));
    await new Promise((resolve) => setTimeout(resolve, 10));
    const store = await createStore(dir, {}, { keyFile: keyFileOf(32) });
    await fill(store);
    await store.close();
    expect(stored(dir).includes('freed memory')).toBe(false);
  }
});

test('no key file, another one, one for a store without, and files that are none: one clear error', async () => {
  const [keyFile, dir] = [keyFileOf(32), newDirectory()];
  await (await createStore(dir, {}, { keyFile })).close();
  await expect(openStore(dir)).rejects.toThrow(`${dir}: is encrypted; give its key file (--key-file FILE)`);
  const other = keyFileOf(32);
  await expect(openStore(dir, { keyFile: other })).rejects.toThrow(
    `${other}: is not the key file of the store ${dir}`,
  );
  const plainDir = newDirectory();
  await (await createStore(plainDir)).close();
  await expect(openStore(plainDir, { keyFile })).rejects.toThrow(
    'is not encrypted; open it without a key file',
  );
  await expect(createStore(newDirectory(), {}, { keyFile: keyFileOf(31) })).rejects.toThrow(
    'a key file of 31 bytes; expected 32 … 65536 random ones',
  );
  await expect(createStore(newDirectory(), {}, { keyFile: keyFileOf(65537) })).rejects.toThrow(
    'a key file of more than 65536 bytes',
  );
  await expect(openStore(dir, { keyFile: join(folder, 'none') })).rejects.toThrow('cannot read the key file');
});

test('stores with one key file have different digests and ciphertexts', async () => {
  const keyFile = keyFileOf(64);
  const packs = await Promise.all(
    [newDirectory(), newDirectory()].map(async (dir) => {
      const store = await createStore(dir, {}, { keyFile });
      await fill(store);
      await store.close();
      return fs.readFileSync(join(dir, 'packs', '00000001.pack'));
    }),
  );
  // Longer than the 24 bytes of a frame's head that are the same in both.
  const blocksOf = (pack: Buffer) =>
    Array.from({ length: Math.floor(pack.length / 32) }, (_, i) =>
      pack.toString('latin1', 32 * i, 32 * i + 32),
    );
  const blocks = new Set(blocksOf(packs[0]!));
  expect(blocksOf(packs[1]!).filter((block) => blocks.has(block))).toEqual([]);
});

test('a changed byte of a pack is an error that names the frame', async () => {
  const [keyFile, dir] = [keyFileOf(32), newDirectory()];
  const store = await createStore(dir, {}, { keyFile });
  await fill(store);
  const pack = join(dir, 'packs', '00000001.pack');
  const bytes = fs.readFileSync(pack);
  bytes[200]! ^= 1;
  fs.writeFileSync(pack, bytes);
  const error = await imageOf(store, 'guest-of-anna.1').catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(PageferryError);
  expect((error as Error).message).toMatch(
    /: snapshot guest-of-anna\.1: frame 1 \(00000001\.pack at 64\): .*; store check --read-data lists all damage$/,
  );
  await store.close();
});

test('no nonce returns; changed bytes, associated data and keys are refused', () => {
  const key = randomBytes(32);
  const [associated, plain] = [randomBytes(40), randomBytes(1000)];
  const nonces = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const cipher = new Cipher(key);
    for (let j = 0; j < 10; j++) {
      const encrypted = cipher.encrypt(associated, plain);
      nonces.add(Buffer.from(encrypted.subarray(0, 24)).toString('hex'));
      expect(encrypted.length).toBe(plain.length + CIPHER_OVERHEAD_BYTES);
      expect(Buffer.from(new Cipher(key).decrypt(associated, encrypted, 'it'))).toEqual(plain);
    }
  }
  expect(nonces.size).toBe(30);
  const encrypted = new Cipher(key).encrypt(associated, plain);
  const refused = (bytes: Uint8Array, cipher = new Cipher(key), with_ = associated) =>
    expect(() => cipher.decrypt(with_, bytes, 'it')).toThrow(
      'it: is not what was encrypted: its tag differs',
    );
  for (let at = 0; at < encrypted.length; at += 13) {
    const changed = encrypted.slice();
    changed[at]! ^= 1 << (at % 8);
    refused(changed);
  }
  refused(encrypted.subarray(0, encrypted.length - 1));
  refused(encrypted, new Cipher(randomBytes(32)));
  refused(encrypted, new Cipher(key), randomBytes(40));
  expect(() => new Cipher(key).decrypt(associated, encrypted.subarray(0, 39), 'it')).toThrow('too few');
});
