/** Jobs one after the other, with a bound on the bytes that they hold; the first failure is everybody's. */
export class SendQueue {
  private tail: Promise<void> = Promise.resolve();
  private failure: unknown;
  private bytes = 0;

  constructor(private readonly mostBytes: number) {}

  /** Does what has to be done after all that was queued before; waits when too much is. @throws what the first failed job did */
  async add(bytes: number, job: () => Promise<void>): Promise<void> {
    this.bytes += bytes;
    this.tail = this.tail.then(async () => {
      try {
        if (this.failure === undefined) await job();
      } catch (error) {
        this.failure ??= error;
      }
      this.bytes -= bytes;
    });
    if (this.bytes > this.mostBytes) await this.tail;
    this.check();
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
