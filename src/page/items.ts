import { abortable, throwIfAborted } from './sync.js';

/** A sequence that is read once. */
export type Items<T> = Iterable<T> | AsyncIterable<T>;

/**
 * The items in order. An abort rejects at once, even while the iterator does not answer. If the caller leaves
 * the loop, or after an abort, the iterator's `return` is called.
 * @throws the abort reason; what the iterator throws
 */
export async function* abortableItems<T>(
  items: Items<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const iterator = iteratorOf(items);
  let isDone = false;
  try {
    for (;;) {
      throwIfAborted(signal);
      const next = await abortable(Promise.resolve(iterator.next()), signal);
      isDone = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    if (!isDone) endIterator(iterator);
  }
}

/**
 * Release what items hold that are not going to be read. `begins`: read one item first, because a Node stream
 * is closed only by an iterator that has begun.
 */
export function releaseItems<T>(items: Items<T>, begins: boolean): void {
  let iterator: AnyIterator<T>;
  try {
    iterator = iteratorOf(items);
    if (begins) Promise.resolve(iterator.next()).catch(() => {});
  } catch {
    return; // the caller already has an error to report
  }
  endIterator(iterator);
}

type AnyIterator<T> = Iterator<T> | AsyncIterator<T>;

function iteratorOf<T>(items: Items<T>): AnyIterator<T> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}

/**
 * End an iterator. Not awaited, and its errors are dropped: an iterator that does not answer must neither
 * delay nor replace the error for which it is ended.
 */
function endIterator(iterator: AnyIterator<unknown>): void {
  try {
    Promise.resolve(iterator.return?.()).catch(() => {});
  } catch {}
}
