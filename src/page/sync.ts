// Waiting: every wait takes an AbortSignal, and a closed object rejects every pending and later wait with the
// first cause.
import { valueText } from './checked-source.js';
import { badArgument } from './error.js';

/** @throws the reason of an aborted signal; PageferryError `bad-argument` for something else than a signal */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (signal?.aborted) throw signal.reason;
  if (typeof signal?.addEventListener !== 'function')
    throw badArgument(`signal: expected an AbortSignal, got ${valueText(signal)}`);
}

/** Settle as `promise` does, or reject with the reason of `signal` at the moment it aborts. */
export function abortable<T>(promise: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return Promise.resolve(promise);
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    const settled = () => signal.removeEventListener('abort', onAbort);
    Promise.resolve(promise).then(resolve, reject).then(settled);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * A wake-up call without a value: `notify` resolves every pending `wait`. A notification without a pending
 * wait is lost: check the condition before each wait: `while (!ready()) await signal.wait()`.
 */
export class Signal {
  private readonly waiters = new Set<Waiter>();
  private closed: { readonly cause: unknown } | undefined;

  /** Resolve at the next `notify`. @throws the abort reason, or the cause that `close` was given */
  wait(signal?: AbortSignal): Promise<void> {
    if (this.closed) return Promise.reject(this.closed.cause);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise<void>((resolve, reject) => {
      const onAbort = () => waiter.reject(signal!.reason);
      const settle = () => {
        this.waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        resolve: () => {
          settle();
          resolve();
        },
        reject: (cause) => {
          settle();
          reject(cause);
        },
      };
      this.waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Wait until `ready()` is true; it is asked at once and after each `notify`. @throws as `wait` */
  async until(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!ready()) await this.wait(signal);
  }

  /** @throws the cause that `close` was given */
  throwIfClosed(): void {
    if (this.closed) throw this.closed.cause;
  }

  /** Resolve every pending `wait`. */
  notify(): void {
    for (const waiter of [...this.waiters]) waiter.resolve();
  }

  /** Reject every pending and later `wait` with `cause`. The first cause stays. */
  close(cause: unknown): void {
    this.closed ??= { cause };
    for (const waiter of [...this.waiters]) waiter.reject(this.closed.cause);
  }
}

/**
 * A counting semaphore, first come, first served: units (buffers, bytes, threads) are acquired and released.
 */
export class Semaphore {
  private readonly signal = new Signal();
  private readonly queue: object[] = [];

  constructor(private free: number) {}

  /** Units that are free. */
  get available(): number {
    return this.free;
  }

  /** Take `units` once that many are free. @throws the abort reason, or the cause that `close` was given */
  async acquire(units = 1, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    this.signal.throwIfClosed();
    const turn = {};
    this.queue.push(turn);
    try {
      await this.signal.until(() => this.queue[0] === turn && this.free >= units, signal);
      this.free -= units;
    } finally {
      this.queue.splice(this.queue.indexOf(turn), 1);
      if (this.queue.length > 0) this.signal.notify();
    }
  }

  /** Give back `units`. */
  release(units = 1): void {
    this.free += units;
    this.signal.notify();
  }

  /** Reject every pending and later `acquire` with `cause`. */
  close(cause: unknown): void {
    this.signal.close(cause);
  }
}

/**
 * Runs tasks one at a time, in the order in which they were given. After a failure every later task rejects
 * with its cause.
 */
export class SerialQueue {
  private tail: Promise<unknown> = Promise.resolve();
  private failure: { readonly cause: unknown } | undefined;
  private pending = 0;

  /** Tasks that were given and have not ended. */
  get length(): number {
    return this.pending;
  }

  /**
   * Run `task` after all earlier ones. @throws what `task` throws, the first failure of an earlier one, or
   * the abort reason
   */
  run<T>(task: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    this.pending++;
    const result = this.tail.then(async () => {
      try {
        if (this.failure) throw this.failure.cause;
        throwIfAborted(signal);
        return await task();
      } catch (cause) {
        this.failure ??= { cause };
        throw cause;
      } finally {
        this.pending--;
      }
    });
    this.tail = result.catch(() => {});
    return result;
  }

  /** Resolve when all tasks given so far have ended. @throws the first failure */
  async idle(): Promise<void> {
    await this.tail;
    if (this.failure) throw this.failure.cause;
  }

  /** Reject every task that has not begun, and every later one, with `cause`. */
  close(cause: unknown): void {
    this.failure ??= { cause };
  }
}

/** Resolve after `ms`. @throws the abort reason */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Run `task` with a signal that aborts after `ms` with `onTimeout()` as its reason, or with the reason of
 * `signal`. Rejects at that moment even where the task does not watch its signal.
 */
export async function withTimeout<T>(
  ms: number,
  onTimeout: () => Error,
  task: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal!.reason);
  throwIfAborted(signal);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => controller.abort(onTimeout()), ms);
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  });
  try {
    return await Promise.race([task(controller.signal), aborted]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Resolve in the next turn of the event loop, after events that are due. */
export const nextTurn: () => Promise<void> =
  typeof setImmediate === 'function'
    ? () => new Promise((resolve) => setImmediate(resolve))
    : () => new Promise((resolve) => setTimeout(resolve));

/**
 * Return a function that lets other events (timers, sockets, signals) run, at most once every `everyMs`; call
 * it in long loops.
 */
export function createYielder(everyMs = 10): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < everyMs) return undefined;
    return nextTurn().then(() => {
      last = performance.now();
    });
  };
}
