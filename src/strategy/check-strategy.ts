import { CODECS } from '../codec/registry.js';
import { PageferryError } from '../page/error.js';
import { strategyByName } from './registry.js';
import type { GroupView, Packing, Strategy, StreamState } from './strategy.js';

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
    throw new PageferryError(
      'bad-argument',
      'strategy: expected a name, or an object with a name and a function choose',
    );
  if (pack !== undefined && typeof pack !== 'function')
    throw new PageferryError('bad-argument', `strategy "${name}": pack: expected a function or undefined`);
  return strategy;
}

/** Call `pack` of a strategy that has it, and check the result. @throws PageferryError `bad-argument` */
export function packingFor(strategy: Strategy, group: GroupView, state: StreamState): Packing {
  const packing = strategy.pack!(group, state);
  if (PACKINGS.includes(packing?.name)) return packing;
  throw new PageferryError(
    'bad-argument',
    `strategy "${strategy.name}": pack returned ${JSON.stringify(packing) ?? 'undefined'}, expected an object whose name is one of ${PACKINGS.join(', ')}`,
  );
}
