/**
 * The streams of test/fixtures/streams: which options packed each, and the images in it. Images are generated
 * from a seed, so only the streams are stored. Nothing here may change: the stored streams hold exactly these
 * bytes.
 */
import type { Choice, EncoderOptions, Strategy } from '../../src/index.js';
import { seeded } from './kernels.js';

export interface StreamFixture {
  /** File name without extension. */
  readonly name: string;
  readonly options: Pick<EncoderOptions, 'pageBytes' | 'strategy' | 'threads'>;
  readonly images: readonly Uint8Array[];
  readonly bases: readonly Uint8Array[];
  /** The images are written in parts, so that their size is unknown until they end. */
  readonly isSizeUnknown: boolean;
}

const STRATEGIES = [
  'adaptive',
  'smallest',
  'characteristic',
  'mecom',
  'fixed:lz4',
  'fixed:zstd:1',
  'fixed:rle',
  'fixed:wkdm',
  'fixed:xbzrle',
  'fixed:zero-aware',
  'fixed:raw',
];

type PageKind = 'zero' | 'fill' | 'text' | 'pointers' | 'counters' | 'sparse' | 'noise';

const ALL_KINDS: readonly PageKind[] = ['text', 'zero', 'sparse', 'pointers', 'fill', 'counters', 'text'];
const WORDS = 'page guest host memory order customer harbour "state":"paid", null 2026-11- {"id": '.split(
  ' ',
);

/** Every fixture, in the order of the list in streams.json. */
export function streamFixtures(): StreamFixture[] {
  const rounds = roundsOf(1, 4096, 6, 3, 1234);
  const short = roundsOf(2, 4096, 3, 2, 717);
  const fixtures = STRATEGIES.map((strategy) => fixture(`rounds-${fileName(strategy)}`, { strategy }, short));
  return [
    ...fixtures,
    fixture('three-rounds', { strategy: 'adaptive' }, rounds),
    fixture('one-image', { strategy: 'adaptive' }, [short[0]!]),
    fixture('two-threads', { strategy: 'smallest', threads: 2 }, rounds),
    fixture('pages-16-KiB', { pageBytes: 16384, strategy: 'smallest' }, roundsOf(3, 16384, 2, 2, 16383)),
    fixture('pages-64-KiB', { pageBytes: 65536, strategy: 'adaptive' }, roundsOf(4, 65536, 2, 2, 1)),
    fixture('base-smallest', { strategy: 'smallest' }, rounds.slice(1), [rounds[0]!]),
    fixture('base-fixed-lz4', { strategy: 'fixed:lz4' }, rounds.slice(1, 2), [rounds[0]!, rounds[2]!]),
    fixture('every-codec', { strategy: everyCodec('zstd') }, short),
    fixture('every-codec-stored', { strategy: everyCodec('raw') }, short),
    { ...fixture('size-unknown', { strategy: 'smallest' }, rounds.slice(0, 2)), isSizeUnknown: true },
    fixture('small-images', { strategy: 'adaptive' }, [Uint8Array.of(1, 2, 3), new Uint8Array(0), holes()]),
    fixture('no-image', { strategy: 'adaptive' }, []),
  ];
}

function fixture(
  name: string,
  options: StreamFixture['options'],
  images: readonly Uint8Array[],
  bases: readonly Uint8Array[] = [],
): StreamFixture {
  return { name, options, images, bases, isSizeUnknown: false };
}

function fileName(strategy: string): string {
  return strategy.replaceAll(':', '-');
}

/**
 * Images of one guest over time: every round changes some pages a little, moves one, zeroes one and writes
 * noise to one.
 */
function roundsOf(
  seed: number,
  pageBytes: number,
  pages: number,
  rounds: number,
  partial: number,
): Uint8Array[] {
  const random = seeded(seed);
  const first = new Uint8Array(pages * pageBytes + partial);
  for (let page = 0; page * pageBytes < first.length; page++)
    fillPage(
      first.subarray(page * pageBytes, (page + 1) * pageBytes),
      ALL_KINDS[page % ALL_KINDS.length]!,
      random,
    );
  const images: Uint8Array[] = [first];
  while (images.length < rounds) images.push(nextRound(images.at(-1)!, pageBytes, random));
  return images;
}

function nextRound(image: Uint8Array, pageBytes: number, random: () => number): Uint8Array {
  const next = image.slice();
  const pages = Math.floor(image.length / pageBytes);
  const anyPage = () => (random() % pages) * pageBytes;
  for (let page = 0; page < pages; page += 2)
    for (let n = 0; n < 5; n++) next[page * pageBytes + (random() % pageBytes)] = random();
  const moved = anyPage();
  next.copyWithin(anyPage(), moved, moved + pageBytes);
  const zeroed = anyPage();
  next.fill(0, zeroed, zeroed + pageBytes);
  const noisy = anyPage();
  fillPage(next.subarray(noisy, noisy + 1000), 'noise', random);
  return next;
}

function fillPage(page: Uint8Array, kind: PageKind, random: () => number): void {
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  const words = page.length >>> 2;
  if (kind === 'fill') page.fill(0xa5);
  else if (kind === 'noise') for (let i = 0; i < page.length; i++) page[i] = random();
  else if (kind === 'sparse') for (let n = 0; n < 9; n++) page[random() % page.length] = random();
  else if (kind === 'counters') for (let i = 0; i < words; i++) view.setUint32(4 * i, i * 3, true);
  else if (kind === 'pointers')
    for (let i = 0; i < words; i++) view.setUint32(4 * i, i % 2 ? 0x7f3a : (random() % 64) * 64, true);
  else if (kind === 'text') {
    let text = '';
    while (text.length < page.length) text += text.length < 2048 ? WORDS[random() % WORDS.length]! : text;
    for (let i = 0; i < page.length; i++) page[i] = text.charCodeAt(i);
  }
}

/** Data between two long runs of zero pages. */
function holes(): Uint8Array {
  const image = new Uint8Array(1000 * 4096 + 7);
  fillPage(image.subarray(700 * 4096, 702 * 4096), 'text', seeded(5));
  return image;
}

/** Cycles through the codecs, whatever the content, in frames of a few pages. */
function everyCodec(packing: 'raw' | 'zstd'): Strategy {
  const choices: Choice[] = [
    ...(['xbzrle', 'rle', 'group', 'zero-aware', 'similar', 'raw'] as const),
    ...(['wkdm', 'lz4', 'group', 'xbzrle', 'zstd'] as const),
  ];
  let turn = 0;
  return {
    name: 'every codec',
    choose: () => choices[turn++ % choices.length]!,
    pack: () => ({ name: packing, level: 3 }),
    groupBytes: () => 20_000,
  };
}
