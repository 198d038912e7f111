import { badArgument } from '../page/error.js';
import { abortable, throwIfAborted } from '../page/sync.js';

/**
 * Life cycle of an object with asynchronous calls: working, then finished, failed or closed. One call runs at
 * a time. The first failure rejects the running call and every later one, and releases the object's
 * resources.
 */
export class LifeCycle {
  private readonly controller = new AbortController();
  private readonly releases: (() => void | Promise<void>)[] = [];
  private released: Promise<void> | undefined;
  private running: string | undefined;
  private isFinished = false;

  /** `label`: the object's name in errors. `outer`: fails it with the signal's reason. */
  constructor(
    private readonly label: string,
    private readonly outer?: AbortSignal,
  ) {
    throwIfAborted(outer);
    outer?.addEventListener('abort', this.onOuterAbort);
  }

  /** Aborted when the object fails or is closed, with the first cause as its reason. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Call `release` once, at the end of the object's life. */
  onEnd(release: () => void | Promise<void>): void {
    this.releases.push(release);
  }

  /** End the object with a failure. Ignored if the object has failed or finished before. */
  fail(cause: unknown): void {
    if (this.isFinished || this.signal.aborted) return;
    this.controller.abort(cause ?? new Error(`the ${this.label} failed without an error`));
    // All waiters were rejected with the first failure; a failure to release has no one to report to.
    this.release().catch(() => {});
  }

  /** @throws the first failure, or PageferryError `bad-argument` when the object cannot take `call` now */
  check(call: string): void {
    throwIfAborted(this.signal);
    if (this.isFinished) throw badArgument(`${call}: the ${this.label} is finished, create another`);
    if (this.running !== undefined)
      throw badArgument(`${call}: ${this.running} is still running, await each call before the next`);
  }

  /** Run `task` as `call`. A failure or an abort of `signal` ends the object. @throws its first failure */
  async run<T>(call: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    this.check(call);
    throwIfAborted(signal);
    const onAbort = () => this.fail(signal!.reason);
    signal?.addEventListener('abort', onAbort);
    this.running = call;
    try {
      return await abortable(task(), this.signal);
    } catch (cause) {
      this.fail(cause);
      throw this.signal.reason;
    } finally {
      this.running = undefined;
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Run the last call, then release the object's resources. */
  async finish<T>(call: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    const result = await this.run(call, signal, task);
    this.isFinished = true;
    await this.release();
    return result;
  }

  /** End the object, finished or not, and wait until its resources are released. */
  async close(): Promise<void> {
    this.fail(badArgument(`the ${this.label} was closed`));
    await this.released?.catch(() => {});
  }

  private readonly onOuterAbort = (): void => this.fail(this.outer!.reason);

  private release(): Promise<void> {
    this.outer?.removeEventListener('abort', this.onOuterAbort);
    this.released ??= (async () => {
      for (const release of this.releases) await release();
    })();
    return this.released;
  }
}
