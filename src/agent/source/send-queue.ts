/** Jobs one after the other, with a bound on the bytes that they hold; the first failure is everybody's. */
export class SendQueue {
  private tail: Promise<void> = Promise.resolve();
  private failure: unknown;
  private bytes = 0;

  constructor(private readonly mostBytes: number) {}

  /** Does what has to be done after all that was queued before; waits when too much is. @throws what the first failed job did */
  async add(bytes: number, job: () => Promise<void>): Promise<void> {
    this.bytes += bytes;
    this.put(job).then(() => {
      this.bytes -= bytes;
    });
    if (this.bytes > this.mostBytes) await this.tail;
    this.check();
  }

  /** The same without a bound. Returns a promise that it is over, done or not; it does not reject. */
  put(job: () => Promise<void>): Promise<void> {
    this.tail = this.tail.then(async () => {
      try {
        if (this.failure === undefined) await job();
      } catch (error) {
        this.failure ??= error;
      }
    });
    return this.tail;
  }

  /** All that was queued is done. @throws as `add` */
  async done(): Promise<void> {
    await this.tail;
    this.check();
  }

  /** @throws as `add` */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
