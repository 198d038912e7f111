import { expect, test } from 'vitest';
import { abortableItems } from '../../src/page/items.js';

const reason = new Error('the channel ended');

/** Items whose iterator cannot be ended without an error. */
function stubborn(next: () => { done: boolean; value: number } | Promise<never>) {
  let returns = 0;
  const iterator = {
    next,
    return() {
      returns++;
      throw new Error('return failed');
    },
  };
  return { items: { [Symbol.iterator]: () => iterator } as Iterable<number>, returns: () => returns };
}

test('an error in the loop is reported though the iterator throws when it is ended', async () => {
  const { items, returns } = stubborn(() => ({ done: false, value: 1 }));
  const loop = async () => {
    for await (const item of abortableItems(items, undefined)) throw new Error(`item ${item} failed`);
  };
  await expect(loop()).rejects.toThrow('item 1 failed');
  expect(returns()).toBe(1);
});

test('an abort rejects while the next item does not come, and ends the iterator', async () => {
  const { items, returns } = stubborn(() => new Promise<never>(() => {}));
  const controller = new AbortController();
  const next = abortableItems(items, controller.signal).next();
  controller.abort(reason);
  await expect(next).rejects.toBe(reason);
  expect(returns()).toBe(1);
});

test('an iterator that has ended is not ended again', async () => {
  let value = 0;
  const { items, returns } = stubborn(() => ({ done: value === 3, value: value++ }));
  const seen: number[] = [];
  for await (const item of abortableItems(items, undefined)) seen.push(item);
  expect(seen).toEqual([0, 1, 2]);
  expect(returns()).toBe(0);
});
