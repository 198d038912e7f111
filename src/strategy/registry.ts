import { isCodecName } from '../codec/registry.js';
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
    `unknown strategy "${name}": expected one of ${Object.keys(STRATEGIES).join(', ')}, fixed:<codec>`,
  );
}

function fixedByName(name: string): Strategy | undefined {
  const [kind, codec, level, ...rest] = name.split(':');
  if (kind !== 'fixed' || codec === undefined || !isCodecName(codec) || rest.length > 0) return undefined;
  if (level === undefined) return fixed(codec);
  return codec === 'zstd' && /^([1-9]|1\d|2[0-2])$/.test(level) ? fixed(codec, Number(level)) : undefined;
}
