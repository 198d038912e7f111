/** Bytes of an image that a client may have read before the others get their turn. */
export const TURN_BYTES = 64 << 10;

/**
 * Turns of the clients of a server. One client a turn of the event loop goes on, so that the request of
 * another one waits for one piece of a long reply, however many clients have such replies.
 */
export class Turns {
  private readonly waiting: (() => void)[] = [];

  /** Resolve when it is the caller's turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      if (this.waiting.length === 1) setImmediate(this.give);
    });
  }

  private readonly give = (): void => {
    this.waiting.shift()!();
    if (this.waiting.length > 0) setImmediate(this.give);
  };
}
