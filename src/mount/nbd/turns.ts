/** Bytes of an image that a client may read in one turn. */
export const TURN_BYTES = 64 << 10;

/**
 * Round robin of the clients of a server: one client continues in each turn of the event loop, so that a new
 * request waits for one piece of a long reply, however many clients have long replies.
 */
export class Turns {
  private readonly waiting: (() => void)[] = [];

  /** Resolve when it is the caller's turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      if (this.waiting.length === 1) setImmediate(this.grant);
    });
  }

  private readonly grant = (): void => {
    this.waiting.shift()!();
    if (this.waiting.length > 0) setImmediate(this.grant);
  };
}
