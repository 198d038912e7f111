// Checks the pages that a caller of `pageferry/live` supplies: a base image, and a guest's memory. Their
// calls are synchronous.
import type { BasePages } from '../../dedup/remote-page-cache.js';
import { discardPromise, isPromise, valueText } from '../../page/checked-source.js';
import { badArgument } from '../../page/error.js';
import { checkInteger } from '../options.js';
import type { GuestMemory } from './page-receiver.js';

/** The page index stores page numbers in 32 bits; the largest one means that there is no page. */
const MAX_BASE_PAGES = 2 ** 32 - 1;

/**
 * Return a base image that reads from `base` and refuses a promise.
 * @throws PageferryError `bad-argument` at once when `base` is no base image, later when `read` returns a
 * promise
 */
export function checkedBase(base: BasePages): BasePages {
  if (typeof base?.read !== 'function')
    throw badArgument(`base: expected an object with pages and a function read, got ${valueText(base)}`);
  return {
    pages: checkInteger('base.pages', base.pages, 0, MAX_BASE_PAGES),
    read: (page, into) => mustReturnNothing(base.read(page, into), 'base.read'),
  };
}

/**
 * Return a memory that writes to `memory` and refuses a promise; `name` is the guest's.
 * @throws PageferryError `bad-argument` at once when `memory` is no guest memory, later when one of its
 *   methods returns a promise
 */
export function checkedMemory(memory: GuestMemory, name: string): GuestMemory {
  const owner = `guest "${name}"`;
  const isMissing = (['write', 'zero', 'read'] as const).find(
    (method) => typeof memory?.[method] !== 'function',
  );
  if (isMissing) {
    discardPromise(memory);
    throw badArgument(`${owner}: open returned ${valueText(memory)} without a method "${isMissing}"`);
  }
  if (memory.unchanged !== undefined && typeof memory.unchanged !== 'function')
    throw badArgument(
      `${owner}: unchanged is ${valueText(memory.unchanged)}, expected a function or undefined`,
    );
  const [write, zero, read, unchanged] = ['write', 'zero', 'read', 'unchanged'].map(
    (method) => `${owner}: ${method}`,
  ) as [string, string, string, string];
  return {
    write: (page, bytes) => mustReturnNothing(memory.write(page, bytes), write),
    zero: (page) => mustReturnNothing(memory.zero(page), zero),
    read: (page, into) => mustReturnNothing(memory.read(page, into), read),
    unchanged: (page) => mustReturnNothing(memory.unchanged?.(page), unchanged),
  };
}

/** Refuse a promise, which the caller of a synchronous function does not await. */
function mustReturnNothing(value: unknown, call: string): void {
  if (value === undefined || !isPromise(value)) return;
  discardPromise(value);
  throw badArgument(`${call} returned a promise, it has to be synchronous`);
}
