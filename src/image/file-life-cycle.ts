import { badArgument } from '../page/error.js';

/** End of a source, sink or writer. */
type End = 'close' | 'finish' | 'commit' | 'abort';

/**
 * Life cycle of a source, sink or writer: it works until it fails, with the first cause of all later errors,
 * or is ended.
 */
export class FileLifeCycle {
  private failure: { readonly cause: unknown } | undefined;
  private end: End | undefined;

  constructor(private readonly name: string) {}

  /** @throws the first failure; PageferryError `bad-argument` after the end */
  check(): void {
    if (this.failure) throw this.failure.cause;
    if (this.end) throw badArgument(`${this.name}: used after ${this.end}`);
  }

  /** Record a failure. The first one stays. */
  record(cause: unknown): void {
    this.failure ??= { cause };
  }

  /** Record a failure and throw the first one. */
  fail(cause: unknown): never {
    this.record(cause);
    throw this.failure!.cause;
  }

  /** End it. Returns whether it had not been ended before. */
  endBy(end: End): boolean {
    if (this.end) return false;
    this.end = end;
    return true;
  }
}
