import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createImageSet, imageFileName } from '../../../src/image/fs/image-set.js';
import { createReadableSink } from '../../../src/image/fs/readable-sink.js';
import { fileNames, folderMaker, hasProgram, randomBytes, run, testFolder } from '../support.js';

const newFolder = folderMaker(testFolder());
const PAGE = 4096;
const pages = [1, 2, 3].map((seed) => randomBytes(PAGE, seed));

/** Write `count` images of a page each, and commit them unless `commit` is false. */
async function fill(path: string, count: number, commit = true) {
  const set = createImageSet(path);
  for (let i = 0; i < count; i++) {
    const sink = set.open(i);
    sink.write(pages[i]!, 0);
    await sink.finish(PAGE);
  }
  if (commit) await set.commit(count);
  return set;
}

const same = (path: string, i: number) => expect(fs.readFileSync(path).equals(pages[i]!)).toBe(true);

describe('a path that does not exist', () => {
  test('becomes a file for one image, a directory for several, and neither before commit', async () => {
    for (const count of [1, 3]) {
      const inside = newFolder();
      const path = join(inside, 'out');
      const set = await fill(path, count, false);
      expect(fileNames(inside)).toEqual([expect.stringMatching(/^\.out\.partial-[0-9a-f]{12}$/)]);
      await set.commit(count);
      set.discard();
      expect(fileNames(inside)).toEqual(['out']);
      if (count === 1) same(path, 0);
      else expect(fileNames(path)).toEqual(['000.raw', '001.raw', '002.raw']);
      if (count === 3) same(join(path, '002.raw'), 2);
    }
  });

  test('that ends in / becomes a directory for one image too; a link stays a link', async () => {
    const inside = newFolder();
    await fill(join(inside, 'out//'), 1);
    expect(fileNames(join(inside, 'out'))).toEqual(['000.raw']);
    fs.symlinkSync('target', join(inside, 'link'));
    await fill(join(inside, 'link/'), 1);
    same(join(inside, 'target', '000.raw'), 0);
    expect(fs.lstatSync(join(inside, 'link')).isSymbolicLink()).toBe(true);
  });

  test('still does not exist after discard, with an image open or finished', async () => {
    const inside = newFolder();
    const set = await fill(join(inside, 'out'), 2, false);
    set.open(2).write(pages[2]!, 0);
    set.discard();
    set.discard();
    expect(fileNames(inside)).toEqual([]);
  });

  test('two sets for the same path do not disturb each other', async () => {
    const inside = newFolder();
    const sets = [await fill(join(inside, 'out'), 1, false), await fill(join(inside, 'out'), 2, false)];
    sets[0]!.discard();
    await sets[1]!.commit(2);
    expect(fileNames(join(inside, 'out'))).toEqual(['000.raw', '001.raw']);
  });
});

describe('names and permissions', () => {
  test('names have as many digits as they need to sort by number', () => {
    expect(imageFileName(7, 8)).toBe('007.raw');
    expect(imageFileName(7, 1000)).toBe('007.raw');
    const names = Array.from({ length: 1200 }, (_, i) => imageFileName(i, 1200));
    expect(names[7]).toBe('0007.raw');
    expect([...names].sort()).toEqual(names);
  });

  test('only the owner may read the images, unless another mode is asked for', async () => {
    for (const [mode, file, directory] of [
      [undefined, 0o600, 0o700],
      [0o640, 0o640, 0o750],
    ] as const) {
      const path = join(newFolder(), 'out');
      const set = createImageSet(path, mode === undefined ? {} : { mode });
      for (let i = 0; i < 2; i++) await set.open(i).finish(0);
      await set.commit(2);
      expect(fs.statSync(path).mode & 0o777).toBe(directory);
      expect(fs.statSync(join(path, '001.raw')).mode & 0o777).toBe(file);
    }
  });
});

describe('an existing file', () => {
  test('is replaced when the image is complete and keeps its permissions; a link stays a link', async () => {
    const inside = newFolder();
    const path = join(inside, 'out');
    fs.mkdirSync(join(inside, 'elsewhere'));
    fs.writeFileSync(join(inside, 'elsewhere', 'real'), 'old', { mode: 0o600 });
    fs.symlinkSync('elsewhere/real', path);
    const set = await fill(path, 1, false);
    expect(fs.readFileSync(path, 'utf8')).toBe('old');
    await set.commit(1);
    same(path, 0);
    expect(fs.lstatSync(path).isSymbolicLink()).toBe(true);
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    expect([fileNames(inside), fileNames(join(inside, 'elsewhere'))]).toEqual([
      ['elsewhere', 'out'],
      ['real'],
    ]);
  });

  test('is refused for several images', async () => {
    const inside = newFolder();
    const path = join(inside, 'out');
    fs.writeFileSync(path, 'mine');
    const set = await fill(path, 1, false);
    expect(() => set.open(1)).toThrow(
      `${path}: is a file, but the stream has several images; name a directory`,
    );
    set.discard();
    expect([fileNames(inside), fs.readFileSync(path, 'utf8')]).toEqual([['out'], 'mine']);
  });
});

describe('an existing directory', () => {
  test('gets any number of images and keeps its other files', async () => {
    const inside = newFolder();
    fs.writeFileSync(join(inside, 'notes'), 'mine');
    await fill(inside, 3);
    await fill(inside, 1);
    expect(fileNames(inside)).toEqual(['000.raw', '001.raw', '002.raw', 'notes']);
    await fill(`${inside}/`, 2);
    same(join(inside, '001.raw'), 1);
  });

  test('gets no image if a directory has the name of one', async () => {
    const inside = newFolder();
    fs.mkdirSync(join(inside, '001.raw'));
    await expect(fill(inside, 2)).rejects.toThrow(
      `${join(inside, '001.raw')}: is a directory; an image needs this name`,
    );
    expect(fileNames(inside)).toEqual(['001.raw']);
  });
});

test('a path that cannot be written is refused before any image is decoded', () => {
  const inside = newFolder();
  fs.writeFileSync(join(inside, 'file'), '');
  fs.symlinkSync('loop', join(inside, 'loop'));
  expect(() => createImageSet(join(inside, 'no', 'out'))).toThrow(
    /no\/out: the folder .*no does not exist; create it first/,
  );
  expect(() => createImageSet(join(inside, 'file', 'out'))).toThrow(
    /file\/out: cannot (create|write): not a directory \(ENOTDIR\)/,
  );
  expect(() => createImageSet(join(inside, 'x'.repeat(300)))).toThrow(
    /: cannot (create|write): name too long \(ENAMETOOLONG\)/,
  );
  expect(() => createImageSet(join(inside, 'loop'))).toThrow(/loop: cannot write: .* \(ELOOP\)/);
  expect(fileNames(inside)).toEqual(['file', 'loop']);
});

test('a mount point, which cannot be replaced, is overwritten', async () => {
  const path = join(newFolder(), 'out');
  fs.writeFileSync(path, 'old content');
  const set = await fill(path, 1, false);
  const rename = vi.spyOn(fs, 'renameSync').mockImplementation(() => {
    throw Object.assign(new Error('EBUSY: resource busy or locked, rename'), { code: 'EBUSY' });
  });
  await set.commit(1);
  rename.mockRestore();
  same(path, 0);
  expect(fileNames(join(path, '..'))).toEqual(['out']);
});

test('a directory that was created at the path meanwhile is an error, and no partial file is left', async () => {
  const inside = newFolder();
  const path = join(inside, 'out');
  const set = await fill(path, 1, false);
  fs.mkdirSync(path);
  await expect(set.commit(1)).rejects.toThrow(
    `${path}: cannot store the image: illegal operation on a directory (EISDIR)`,
  );
  expect(fileNames(inside)).toEqual(['out']);
});

describe('a pipe or device', () => {
  test('takes one image', async () => {
    const set = createImageSet('/dev/null');
    await set.open(0).finish(0);
    expect(() => set.open(1)).toThrow(
      '/dev/null: takes one image, but the stream has several; unpack one with --image N',
    );
    await set.commit(1);
    set.discard();
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test.skipIf(!hasProgram('mkfifo'))(
    'can be read back through a scratch file (skipped without mkfifo)',
    async () => {
      const path = join(newFolder(), 'pipe');
      run('mkfifo', [path]);
      const reader = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      const sink = createReadableSink(path);
      sink.write(pages[0]!, 0);
      sink.zero(PAGE, PAGE);
      sink.write(pages[1]!, 2 * PAGE);
      const back = Buffer.alloc(3 * PAGE);
      expect(sink.readAt(back, 0)).toBe(3 * PAGE);
      expect(back.equals(Buffer.concat([pages[0]!, Buffer.alloc(PAGE), pages[1]!]))).toBe(true);
      await sink.finish(3 * PAGE);
      const piped = Buffer.alloc(4 * PAGE);
      expect(fs.readSync(reader, piped)).toBe(3 * PAGE);
      expect(piped.subarray(0, 3 * PAGE).equals(back)).toBe(true);
      fs.closeSync(reader);
    },
  );
});
