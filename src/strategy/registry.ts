import { CODECS, isCodecName } from '../codec/registry.js';
import { PageferryError } from '../page/error.js';
import { adaptive } from './adaptive/adaptive.js';
import { characteristic } from './characteristic.js';
import { fixed } from './fixed.js';
import { mecom } from './mecom.js';
import { smallest } from './smallest.js';
import type { Packing, Strategy } from './strategy.js';

/** Factories, since `adaptive` keeps state: one object serves one stream. A new strategy is one more line. */
const STRATEGIES: Readonly<Record<string, () => Strategy>> = {
  adaptive,
  smallest: () => smallest,
  characteristic: () => characteristic,
  mecom: () => mecom,
};

/**
 * Returns a strategy by name: `adaptive`, `smallest`, `characteristic`, `mecom`, `fixed:<codec>`, or
 * `fixed:zstd:<level>`; `zstd-node` and `zstd-wasm` name an implementation of zstd.
 * @throws PageferryError `bad-argument` when there is no such strategy
 */
export function strategyByName(name: string): Strategy {
  const strategy = Object.hasOwn(STRATEGIES, name) ? STRATEGIES[name]!() : fixedByName(name);
  if (strategy) return strategy;
  throw new PageferryError(
    'bad-argument',
    `unknown strategy "${name}": expected one of ${Object.keys(STRATEGIES).join(', ')}, fixed:<codec>, fixed:zstd:<level>`,
  );
}

/** Codecs of fixed strategies beside those of the registry: zstd by one of its implementations. */
const ZSTD_ENCODERS: Readonly<Record<string, Packing['encoder']>> = {
  'zstd-node': 'node',
  'zstd-wasm': 'wasm',
};

function fixedByName(name: string): Strategy | undefined {
  const [kind, named, ...rest] = name.split(':');
  if (kind !== 'fixed' || named === undefined) return undefined;
  const refuse = (reason: string) => new PageferryError('bad-argument', `strategy "${name}": ${reason}`);
  const encoder = Object.hasOwn(ZSTD_ENCODERS, named) ? ZSTD_ENCODERS[named] : undefined;
  const codec = encoder === undefined ? named : 'zstd';
  if (!isCodecName(codec))
    throw refuse(
      `unknown codec; expected one of ${[...CODECS.map((known) => known.name), ...Object.keys(ZSTD_ENCODERS)].join(', ')}`,
    );
  if (rest.length === 0 && encoder === undefined) return fixed(codec);
  if (codec !== 'zstd') throw refuse(`${codec} has no levels`);
  const level = rest.join(':');
  if (!/^([1-9]|1\d|2[0-2])$/.test(level)) throw refuse('zstd has levels 1 to 22');
  return fixed(codec, Number(level), encoder);
}
