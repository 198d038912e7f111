import { badArgument, PageferryError } from '../page/error.js';
import type { PageCodec } from './codec.js';
import { fill } from './fill.js';
import { lz4 } from './lz4.js';
import { raw } from './raw.js';
import { rle } from './rle.js';
import { sameAs } from './same-as.js';
import { similar } from './similar.js';
import { unchanged } from './unchanged.js';
import { wkdm } from './wkdm.js';
import { xbzrle } from './xbzrle.js';
import { zero } from './zero.js';
import { zeroAware } from './zero-aware.js';
import { zstd } from './zstd.js';

// The one list of codecs: names, types and what strategies, analyses and reports try or show derive from it.
const REGISTERED = [
  raw,
  zero,
  fill,
  sameAs,
  unchanged,
  rle,
  zeroAware,
  xbzrle,
  similar,
  wkdm,
  lz4,
  zstd,
] as const satisfies readonly PageCodec[];

type Registered = (typeof REGISTERED)[number];

/** Name of a codec. */
export type CodecName = Registered['name'];

/** Name of a codec that packs segments; `raw` stores them uncompressed. */
export type PackingName = Extract<Registered, { readonly family: 'packing' }>['name'];

/** A codec of the registry. */
export interface Codec extends PageCodec {
  readonly name: CodecName;
}

/** Every codec, in the order of its permanent wire id. */
export const CODECS: readonly Codec[] = REGISTERED;

/** The codecs that code a page alone, cheapest to decode first. */
export const PAGE_CODECS: readonly Codec[] = CODECS.filter(({ family }) => family === 'page').sort(
  (a, b) => a.costRank - b.costRank,
);

/**
 * The codecs that compute bytes from one page, cheapest to decode first: those that are tried and measured
 * page by page.
 */
export const MEASURABLE_CODECS: readonly Codec[] = CODECS.filter(
  ({ encode, operands }) => encode && operands.bytes === 'own',
).sort((a, b) => a.costRank - b.costRank);

const BY_NAME = new Map<string, Codec>(CODECS.map((codec) => [codec.name, codec]));

/** Return the codec of this name. @throws PageferryError `bad-argument` when there is none */
export function codecByName(name: string): Codec {
  const codec = BY_NAME.get(name);
  if (!codec) throw badArgument(`unknown codec "${name}": expected one of ${[...BY_NAME.keys()].join(', ')}`);
  return codec;
}

/** Return the codec of this wire id. @throws PageferryError `unsupported` when this version has none */
export function codecByWireId(wireId: number): Codec {
  const codec = CODECS[wireId];
  if (!codec)
    throw new PageferryError(
      'unsupported',
      `codec id ${wireId}: this version knows 0 … ${CODECS.length - 1}`,
    );
  return codec;
}

/** Return whether a codec has this name. */
export function isCodecName(name: string): name is CodecName {
  return BY_NAME.has(name);
}
