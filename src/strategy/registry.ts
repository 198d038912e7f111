import { CODECS, isCodecName } from '../codec/registry.js';
import { PageferryError } from '../page/error.js';
import { adaptive } from './adaptive/adaptive.js';
import { characteristic } from './characteristic.js';
import { fixed } from './fixed.js';
import { mecom } from './mecom.js';
import { smallest } from './smallest.js';
import type { Strategy } from './strategy.js';

/** Factories, since `adaptive` keeps state: one object serves one stream. A new strategy is one more line. */
const STRATEGIES: Readonly<Record<string, () => Strategy>> = {
  adaptive,
  smallest: () => smallest,
  characteristic: () => characteristic,
  mecom: () => mecom,
};

/**
 * Returns a strategy by name: `adaptive`, `smallest`, `characteristic`, `mecom`, `fixed:<codec>`, or
 * `fixed:zstd:<level>`.
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

function fixedByName(name: string): Strategy | undefined {
  const [kind, codec, ...rest] = name.split(':');
  if (kind !== 'fixed' || codec === undefined) return undefined;
  const refuse = (reason: string) => new PageferryError('bad-argument', `strategy "${name}": ${reason}`);
  if (!isCodecName(codec))
    throw refuse(`unknown codec; expected one of ${CODECS.map((known) => known.name).join(', ')}`);
  if (rest.length === 0) return fixed(codec);
  if (codec !== 'zstd') throw refuse(`${codec} has no levels`);
  const level = rest.join(':');
  if (!/^([1-9]|1\d|2[0-2])$/.test(level)) throw refuse('zstd has levels 1 to 22');
  return fixed(codec, Number(level));
}
