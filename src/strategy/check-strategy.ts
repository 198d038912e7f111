import { CODECS } from '../codec/registry.js';
import { badArgument } from '../page/error.js';
import { strategyByName } from './registry.js';
import {
  ALL_LOOKS,
  type GroupView,
  type Looks,
  type Packing,
  type Strategy,
  type StreamState,
} from './strategy.js';

const PACKINGS: readonly string[] = CODECS.filter(({ family }) => family === 'packing').map(
  ({ name }) => name,
);

/**
 * Return a strategy, given it or its name.
 * @throws PageferryError `bad-argument` for an unknown name, or an object that is no strategy
 */
export function strategyOf(strategy: Strategy | string): Strategy {
  if (typeof strategy === 'string') return strategyByName(strategy);
  const { name, choose, pack } = strategy ?? {};
  if (typeof name !== 'string' || typeof choose !== 'function')
    throw badArgument('strategy: expected a name, or an object with a name and a function choose');
  if (pack !== undefined && typeof pack !== 'function')
    throw badArgument(`strategy "${name}": pack: expected a function or undefined`);
  return strategy;
}

/** Call `pack` of a strategy that has it, and check the result. @throws PageferryError `bad-argument` */
export function packingFor(strategy: Strategy, group: GroupView, state: StreamState): Packing {
  const packing = strategy.pack!(group, state);
  if (PACKINGS.includes(packing?.name) && hasValidNumbers(packing)) return packing;
  throw badArgument(
    `strategy "${strategy.name}": pack returned ${JSON.stringify(packing) ?? 'undefined'}, expected an object whose name is one of ${PACKINGS.join(', ')}, levels 1 … 22, expectedMs and expectedBytes 0 or more`,
  );
}

function hasValidNumbers({
  level = 1,
  secondLevel = 1,
  expectedMs = 0,
  expectedBytes = 0,
}: Packing): boolean {
  return isLevel(level) && isLevel(secondLevel) && expectedMs >= 0 && expectedBytes >= 0;
}

function isLevel(level: number): boolean {
  return Number.isInteger(level) && level >= 1 && level <= 22;
}

/** Return the searches of a strategy, all if it has no `looks`. @throws PageferryError `bad-argument` */
export function looksOf(strategy: Strategy, state: StreamState): Looks {
  const looks = strategy.looks ? strategy.looks(state) : ALL_LOOKS;
  if (typeof looks?.duplicates === 'boolean' && typeof looks.similar === 'boolean') return looks;
  throw badArgument(
    `strategy "${strategy.name}": looks returned ${JSON.stringify(looks)}, expected an object with duplicates and similar, true or false`,
  );
}
