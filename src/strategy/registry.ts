import { CODECS, isCodecName } from '../codec/registry.js';
import { badArgument } from '../page/error.js';
import { adaptive } from './adaptive/adaptive.js';
import { characteristic } from './characteristic.js';
import { fixed, fixedZstdPage } from './fixed.js';
import { mecom } from './mecom.js';
import { smallest } from './smallest.js';
import type { Packing, Strategy } from './strategy.js';

/** Factories of strategies by name: `adaptive` keeps state, so each stream needs its own object. */
const STRATEGIES: Readonly<Record<string, () => Strategy>> = {
  adaptive,
  smallest: () => smallest,
  characteristic: () => characteristic,
  mecom: () => mecom,
};

/** Names of the strategies other than `fixed:…`. */
export const STRATEGY_NAMES: readonly string[] = Object.keys(STRATEGIES);

/**
 * Create a strategy by name: `adaptive`, `smallest`, `characteristic`, `mecom`, `fixed:<codec>`, or
 * `fixed:zstd:<level>`. Instead of `zstd`: `zstd-node` or `zstd-wasm` for one implementation, `zstd-page` to
 * code every page alone.
 * @throws PageferryError `bad-argument` when there is no such strategy
 */
export function strategyByName(name: string): Strategy {
  const strategy = Object.hasOwn(STRATEGIES, name) ? STRATEGIES[name]!() : fixedByName(name);
  if (strategy) return strategy;
  throw badArgument(
    `unknown strategy "${name}": expected one of ${STRATEGY_NAMES.join(', ')}, fixed:<codec>, fixed:zstd:<level>`,
  );
}

/** Further codec names of fixed strategies: zstd by one of its implementations. */
const ZSTD_ENCODERS: Readonly<Record<string, Packing['encoder']>> = {
  'zstd-node': 'node',
  'zstd-wasm': 'wasm',
};

/** Codec name of the fixed strategy that codes every page alone. */
const ZSTD_PAGE = 'zstd-page';

function fixedByName(name: string): Strategy | undefined {
  const [kind, named, ...rest] = name.split(':');
  if (kind !== 'fixed' || named === undefined) return undefined;
  const refuse = (reason: string) => badArgument(`strategy "${name}": ${reason}`);
  const encoder = Object.hasOwn(ZSTD_ENCODERS, named) ? ZSTD_ENCODERS[named] : undefined;
  const isPage = named === ZSTD_PAGE;
  const codec = encoder === undefined && !isPage ? named : 'zstd';
  if (!isCodecName(codec))
    throw refuse(
      `unknown codec; expected one of ${[...CODECS.map((known) => known.name), ...Object.keys(ZSTD_ENCODERS), ZSTD_PAGE].join(', ')}`,
    );
  if (rest.length === 0 && encoder === undefined) return isPage ? fixedZstdPage() : fixed(codec);
  if (codec !== 'zstd') throw refuse(`${codec} has no levels`);
  const level = rest.join(':');
  if (!/^([1-9]|1\d|2[0-2])$/.test(level)) throw refuse('zstd has levels 1 to 22');
  return isPage ? fixedZstdPage(Number(level)) : fixed(codec, Number(level), encoder);
}
