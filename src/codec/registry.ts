import { PageferryError } from '../page/error.js';
import type { CodecName, PageCodec } from './codec.js';
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

/** Every codec, in the order of its permanent wire id. A new codec is one more line at the end. */
export const CODECS: readonly PageCodec[] = [
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
];

const BY_NAME = new Map<string, PageCodec>(CODECS.map((codec) => [codec.name, codec]));

/** @throws PageferryError `bad-argument` when there is no such codec */
export function codecByName(name: string): PageCodec {
  const codec = BY_NAME.get(name);
  if (!codec)
    throw new PageferryError(
      'bad-argument',
      `unknown codec "${name}": expected one of ${[...BY_NAME.keys()].join(', ')}`,
    );
  return codec;
}

/** @throws PageferryError `unsupported` when this version knows no such id */
export function codecByWireId(wireId: number): PageCodec {
  const codec = CODECS[wireId];
  if (!codec)
    throw new PageferryError(
      'unsupported',
      `codec id ${wireId}: this version knows 0 … ${CODECS.length - 1}`,
    );
  return codec;
}

export function isCodecName(name: string): name is CodecName {
  return BY_NAME.has(name);
}
