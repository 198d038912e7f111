// Small streams that together hold every codec, packing, page size and kind of record.
import { createHash } from 'node:crypto';
import type { Zstd } from '../../src/codec/zstd.js';
import { createEncoder } from '../../src/engine/encode/create-encoder.js';
import type { Encoder } from '../../src/engine/encode/encoder.js';
import { bytesSource } from '../../src/image/memory.js';
import type { PageSource } from '../../src/page/source.js';
import type { Choice, Strategy } from '../../src/strategy/strategy.js';
import { type Dice, diceOf, joined } from './mutate.js';
import { dirtied, makePage, PAGE_KINDS } from './pages.js';
import { assemble, parse, type Signer, type StreamParts } from './stream-parts.js';

/** Maximum frame bytes in the header of every stream of the corpus: small, to save the decoder's memory. */
export const FRAME_BYTES = 1 << 19;

export interface SampleStream {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly parts: StreamParts;
  /** Its images, by number. */
  readonly images: readonly Uint8Array[];
  readonly bases: readonly PageSource[];
}

interface Recipe {
  readonly name: string;
  readonly pageBytes: number;
  readonly strategy: Strategy | string;
  readonly images: readonly Uint8Array[];
  readonly bases?: readonly Uint8Array[];
  /** Written page by page and flushed often, without an announced size. */
  readonly open?: true;
}

export async function makeCorpus(
  seed: number,
  zstd: Zstd | undefined,
  signer: Signer,
): Promise<SampleStream[]> {
  const streams: SampleStream[] = [];
  for (const recipe of recipes(seed)) {
    const { name, images, bases = [] } = recipe;
    const parts = parse(await encoded(recipe, zstd ?? null));
    new DataView(parts.header.buffer).setUint32(16, FRAME_BYTES, true);
    streams.push({
      name,
      images,
      parts,
      bytes: assemble(parts, signer),
      bases: bases.map((bytes) => bytesSource(bytes, 'base')),
    });
  }
  return streams;
}

export function sha(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function recipes(seed: number): Recipe[] {
  const dice = diceOf(seed, 'stream samples', 0);
  const first = image(14, 4096, 0, dice);
  const versions = [first, later(first, 4096, dice), later(first, 4096, dice)];
  const cut = image(9, 4096, 1234, dice);
  const large = image(8, 16384, 16383, dice);
  const huge = image(4, 65536, 1, dice);
  const sparse = joined(new Uint8Array(700 * 4096), image(3, 4096, 7, dice), new Uint8Array(300 * 4096));
  return [
    { name: 'every codec', pageBytes: 4096, strategy: everyCodec('lz4'), images: versions },
    { name: 'every codec, zstd', pageBytes: 4096, strategy: everyCodec('zstd'), images: versions },
    {
      name: 'every codec, stored',
      pageBytes: 4096,
      strategy: everyCodec('raw'),
      images: [cut, later(cut, 4096, dice)],
    },
    {
      name: 'with a base',
      pageBytes: 4096,
      strategy: everyCodec('lz4'),
      images: [later(first, 4096, dice), cut],
      bases: [first],
    },
    {
      name: 'pages of 16 KiB',
      pageBytes: 16384,
      strategy: everyCodec('lz4'),
      images: [large, later(large, 16384, dice)],
    },
    {
      name: 'pages of 64 KiB',
      pageBytes: 65536,
      strategy: everyCodec('zstd'),
      images: [huge, later(huge, 65536, dice)],
    },
    { name: 'smallest', pageBytes: 4096, strategy: 'smallest', images: versions.slice(0, 2) },
    { name: 'adaptive', pageBytes: 4096, strategy: 'adaptive', images: [cut, cut] },
    {
      name: 'written page by page',
      pageBytes: 4096,
      strategy: everyCodec('lz4'),
      images: [cut, later(cut, 4096, dice)],
      open: true,
    },
    { name: 'holes', pageBytes: 4096, strategy: 'characteristic', images: [sparse] },
    {
      name: 'little',
      pageBytes: 4096,
      strategy: 'adaptive',
      images: [Uint8Array.of(1, 2, 3, 4, 5), new Uint8Array(0), makePage('text', 99, dice)],
    },
    { name: 'nothing', pageBytes: 4096, strategy: 'adaptive', images: [] },
  ];
}

/** Takes the codecs in turn, whatever a page looks like, in frames of few pages. */
function everyCodec(packing: 'raw' | 'lz4' | 'zstd'): Strategy {
  const choices: Choice[] = [
    'xbzrle',
    'rle',
    'group',
    'zero-aware',
    'similar',
    'raw',
    'wkdm',
    'lz4',
    'group',
    'xbzrle',
    'zstd',
    'zstd-page',
  ];
  let turn = 0;
  return {
    name: 'every codec',
    choose: () => choices[turn++ % choices.length]!,
    pack: () => ({ name: packing, level: 3 }),
    groupBytes: () => 40_000,
  };
}

function image(pages: number, pageBytes: number, partial: number, dice: Dice): Uint8Array {
  const parts = Array.from({ length: pages }, (_, i) =>
    makePage(PAGE_KINDS[i % PAGE_KINDS.length]!, pageBytes, dice),
  );
  // One page twice, for a reference.
  return joined(...parts, parts[parts.length - 1]!, makePage('pointers', partial, dice));
}

function later(before: Uint8Array, pageBytes: number, dice: Dice): Uint8Array {
  const after = before.slice();
  for (let at = 0; at < after.length; at += pageBytes)
    if (!dice.oneIn(4)) after.set(dirtied(after.subarray(at, at + pageBytes), dice), at);
  return after;
}

async function encoded(recipe: Recipe, zstd: Zstd | null): Promise<Uint8Array> {
  const { pageBytes, strategy, images, bases = [], open } = recipe;
  const pieces: Uint8Array[] = [];
  const output = (parts: readonly Uint8Array[]) => {
    for (const part of parts) pieces.push(part.slice());
  };
  // A clock that does not advance: the same seed gives the same streams.
  const options = { pageBytes, strategy, zstd, deltaBudgetBytes: 1 << 22, indexPages: 1024, clock: () => 0 };
  const encoder = await createEncoder(output, options);
  for (const bytes of bases) await encoder.base(bytesSource(bytes, 'base'));
  for (const [i, bytes] of images.entries()) {
    if (open) await writePages(encoder, `image ${i}`, bytes, pageBytes);
    else await encoder.encode(bytesSource(bytes, `image ${i}`));
  }
  await encoder.finish();
  return joined(...pieces);
}

async function writePages(
  encoder: Encoder,
  name: string,
  bytes: Uint8Array,
  pageBytes: number,
): Promise<void> {
  encoder.beginImage(name);
  for (let at = 0; at < bytes.length; at += 3 * pageBytes) {
    await encoder.write(bytes.subarray(at, at + 3 * pageBytes));
    // What was written last cannot be flushed when it ended within a page.
    if (at + 3 * pageBytes <= bytes.length) await encoder.flush();
  }
  await encoder.endImage();
}
