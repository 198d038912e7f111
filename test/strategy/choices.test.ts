import { beforeAll, describe, expect, test } from 'vitest';
import { CODECS, type CodecName } from '../../src/codec/registry.js';
import {
  bytesSource,
  type Choice,
  PageferryError,
  type PageView,
  type Strategy,
  strategyByName,
} from '../../src/index.js';
import { baseOf, pageKinds } from '../codec/harness.js';
import { guestImage, laterImage } from '../support/images.js';
import { decoded, encoded } from '../support/streams.js';
import { fakeStream, type Viewed, viewer } from './support.js';

const PAGE = 4096;
let view: (page: Uint8Array, more?: Viewed) => PageView;
beforeAll(async () => {
  view = await viewer();
});

const kinds = pageKinds(PAGE, 3);
/** One word in `every` is not zero; all of those differ. */
const sparse = (every: number) => {
  const words = new Uint32Array(PAGE / 4).map((_, i) => (i % every === 0 ? Math.imul(i + 1, 0x9e3779b1) : 0));
  return new Uint8Array(words.buffer);
};
/** Pointers into a few kilobytes, which share their upper 22 bits. */
const pointers = new Uint8Array(
  new Uint32Array(PAGE / 4).map((_, i) => 0xc0de0000 + ((i * 37) % 1024)).buffer,
);
const choose = (strategy: string, page: Uint8Array, more?: Viewed, link = 1e9) =>
  strategyByName(strategy).choose(view(page, more), fakeStream(link));

describe('characteristic', () => {
  test.each<[string, () => Uint8Array, Choice]>([
    ['mostly zero words', () => sparse(10), 'zero-aware'],
    ['words of a dictionary', () => pointers, 'wkdm'],
    ['text', () => kinds.text!, 'lz4'],
    ['noise', () => kinds.random!, 'raw'],
  ])('%s', (_, page, choice) => {
    expect(choose('characteristic', page())).toBe(choice);
  });

  test('the threshold is three quarters of zero words', () => {
    const page = (zeroWords: number) =>
      new Uint8Array(
        new Uint32Array(1024).map((_, i) => (i < zeroWords ? 0 : Math.imul(i, 0x9e3779b1))).buffer,
      );
    expect(choose('characteristic', page(768))).toBe('zero-aware');
    expect(choose('characteristic', page(767))).not.toBe('zero-aware');
  });
});

describe('mecom', () => {
  test.each<[string, () => Uint8Array, Choice]>([
    ['mostly zero bytes', () => sparse(10), 'zero-aware'],
    ['words of a dictionary', () => pointers, 'wkdm'],
    ['text', () => kinds.text!, 'lz4'],
    ['noise', () => kinds.random!, 'raw'],
  ])('%s', (_, page, choice) => {
    expect(choose('mecom', page())).toBe(choice);
  });

  test('skips a class whose codec gives a ratio of 0.95 or more', () => {
    // Three zero bytes in every word: many zero bytes, no zero word.
    const page = new Uint8Array(PAGE).map((_, i) => (i % 4 === 0 ? 1 + ((i * 7) % 255) : 0));
    expect(view(page).profile.zeroBytes).toBeGreaterThanOrEqual(0.74 * PAGE);
    expect(view(page).measure('zero-aware')).toBe(Infinity);
    expect(choose('mecom', page)).not.toBe('zero-aware');
  });
});

describe('smallest', () => {
  test('of a live guest no page codec is smaller than the chosen one', () => {
    const alone = ['rle', 'zero-aware', 'xbzrle', 'similar', 'wkdm'] as const;
    for (const zstd of [false, true])
      for (const [kind, page] of Object.entries(kinds)) {
        const seen = view(page, { last: baseOf(page, 5), similarBytes: 700 });
        const choice = strategyByName('smallest').choose(seen, { ...fakeStream(1e9), hasZstd: zstd });
        const bytes = alone.map((name) => seen.measure(name));
        if (choice === 'group')
          expect(Math.min(...bytes), kind).toBeGreaterThanOrEqual(Math.min(seen.measure('lz4'), PAGE) * 0.7);
        else expect(seen.measure(choice as CodecName), kind).toBe(Math.min(...bytes));
      }
  });

  test('pages of images are decided with their group', () => {
    const image = { ...fakeStream(1e9), progress: { image: 0, share: 0 } };
    for (const page of Object.values(kinds))
      expect(strategyByName('smallest').choose(view(page), image)).toBe('best');
  });

  test('packs images with the highest level of zstd, a live guest with level 9, or with LZ4 where zstd is not available', () => {
    const { pack } = strategyByName('smallest');
    const image = { ...fakeStream(1e9), progress: { image: 0, share: 0 } };
    const group = { kind: 'pages', bytes: 1 << 20, pages: 256, estimatedBytes: 1 << 19 } as const;
    expect(pack!(group, image)).toEqual({ name: 'zstd', level: 22, secondLevel: 19 });
    expect(pack!({ ...group, bytes: 9 << 20 }, image)).toEqual({ name: 'zstd', level: 22 });
    expect(pack!(group, fakeStream(1e9))).toEqual({ name: 'zstd', level: 9 });
    expect(pack!(group, fakeStream(1e9, { zstd: false })).name).toBe('lz4');
  });
});

describe('by name', () => {
  test('every codec can be fixed, and every strategy has its registered name', () => {
    const names = [
      'adaptive',
      'smallest',
      'characteristic',
      'mecom',
      ...CODECS.map(({ name }) => `fixed:${name}`),
      'fixed:zstd:1',
      'fixed:zstd:22',
    ];
    for (const name of names) expect(strategyByName(name).name).toBe(name);
  });

  test.each(['', 'fastest', 'Adaptive', 'toString', 'fixed'])('refuses "%s"', (name) => {
    expect(() => strategyByName(name)).toThrow(PageferryError);
    expect(() => strategyByName(name)).toThrow(
      `unknown strategy "${name}": expected one of adaptive, smallest, characteristic, mecom, fixed:<codec>, fixed:zstd:<level>`,
    );
  });

  test.each([
    ['fixed:', 'unknown codec; expected one of '],
    ['fixed:zip', 'unknown codec; expected one of '],
    ['fixed:lz4:3', 'lz4 has no levels'],
    ['fixed:zstd:0', 'zstd has levels 1 to 22'],
    ['fixed:zstd:23', 'zstd has levels 1 to 22'],
    ['fixed:zstd:1.5', 'zstd has levels 1 to 22'],
    ['fixed:zstd:3:3', 'zstd has levels 1 to 22'],
  ])('refuses "%s": %s', (name, reason) => {
    expect(() => strategyByName(name)).toThrow(PageferryError);
    expect(() => strategyByName(name)).toThrow(`strategy "${name}": ${reason}`);
  });

  test('adaptive has separate state for every stream', () => {
    expect(strategyByName('adaptive')).not.toBe(strategyByName('adaptive'));
  });
});

test('a custom strategy is an object with one function', async () => {
  const mine: Strategy = {
    name: 'mine',
    choose: (page) => (page.profile.zeroWords > 700 ? 'zero-aware' : 'lz4'),
  };
  const first = guestImage(PAGE, 1);
  const images = [first, laterImage(first, PAGE, 2)];
  const { bytes, summary } = await encoded(
    images.map((image, i) => bytesSource(image, `${i}`)),
    { strategy: mine },
  );
  expect(Object.keys(summary.codecs)).toEqual(expect.arrayContaining(['zero-aware', 'lz4']));
  expect((await decoded(bytes)).images.map((image, i) => Buffer.compare(image, images[i]!))).toEqual([0, 0]);
});

test('every choice of a strategy gives a stream that decodes', async () => {
  const first = guestImage(PAGE, 1, 33);
  const images = [first, laterImage(first, PAGE, 2)];
  for (const pack of [undefined, () => ({ name: 'lz4' as const }), () => ({ name: 'raw' as const })]) {
    const answers: Choice[] = ['group', ...CODECS.map(({ name }) => name)];
    let turn = 0;
    const strategy: Strategy = {
      name: 'every choice in turn',
      choose: () => answers[turn++ % answers.length]!,
      pack,
    };
    const { bytes } = await encoded(
      images.map((image, i) => bytesSource(image, `${i}`)),
      { strategy },
    );
    expect((await decoded(bytes)).images.map((image, i) => Buffer.compare(image, images[i]!))).toEqual([
      0, 0,
    ]);
  }
});
