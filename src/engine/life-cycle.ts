import { PageferryError } from '../page/error.js';
import { abortable, throwIfAborted } from '../page/sync.js';

/**
 * The life of an object with asynchronous calls: working, then finished, failed or closed. One call runs at a
 * time. The first failure ends all: it rejects the running call and every later one, and releases what the
 * object holds.
 */
export class LifeCycle {
  private readonly controller = new AbortController();
  private readonly releases: (() => void | Promise<void>)[] = [];
  private released: Promise<void> | undefined;
  private running: string | undefined;
  private isFinished = false;

  /** `label` names the object in errors; `outer` fails it with the signal's reason. */
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

  /** End the object with a failure. Later failures, and those of a finished object, are ignored. */
  fail(cause: unknown): void {
    if (this.isFinished || this.signal.aborted) return;
    this.controller.abort(cause ?? new Error(`the ${this.label} failed without an error`));
    // Every waiter has been rejected; what cannot be released is of no use to anyone.
    this.release().catch(() => {});
  }

  /** @throws the first failure, or PageferryError `bad-argument` when the object cannot take `call` now */
  check(call: string): void {
    throwIfAborted(this.signal);
    if (this.isFinished)
      throw new PageferryError('bad-argument', `${call}: the ${this.label} is finished, create another`);
    if (this.running !== undefined)
      throw new PageferryError(
        'bad-argument',
        `${call}: ${this.running} is still running, await each call before the next`,
      );
  }

  /** Run `task` as `call`. A failure or an abort of `signal` ends the object. @throws its first failure */
  async run<T>(call: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    this.check(call);
    throwIfAborted(signal);
    this.running = call;
    const onAbort = () => this.fail(signal!.reason);
    signal?.addEventListener('abort', onAbort);
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

  /** Run the last call, then release what the object holds. */
  async finish<T>(call: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    const result = await this.run(call, signal, task);
    this.isFinished = true;
    await this.release();
    return result;
  }

  /** End the object, finished or not, and wait until what it holds is released. */
  async close(): Promise<void> {
    this.fail(new PageferryError('bad-argument', `the ${this.label} was closed`));
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
