// The QMP client of the package for tests: it waits until QEMU listens, and keeps all events.
import { QmpClient, type QmpEvent } from '../../src/qemu/qmp/client.js';

/** Commands such as `pmemsave` of a guest under emulation take longer than a query. */
const TIMEOUT_MS = 120_000;

/** Shorter than the time limit of a test, so that the error names what was missing. */
const EVENT_TIMEOUT_MS = 90_000;

export class Qmp {
  /** All events received, in order. */
  readonly events: QmpEvent[] = [];
  private readonly watchers = new Set<() => void>();
  private client!: QmpClient;
  private end: Error | undefined;

  private constructor() {}

  /** Connect, retrying until QEMU listens. `endReason` returns the reason when QEMU has ended. */
  static async connect(path: string, endReason: () => string | undefined): Promise<Qmp> {
    for (;;) {
      const reason = endReason();
      if (reason !== undefined) throw new Error(reason);
      const qmp = new Qmp();
      const client = await QmpClient.connect(
        { path },
        {
          ...{ name: 'QMP', timeoutMs: TIMEOUT_MS },
          onEvent(event) {
            qmp.events.push(event);
            qmp.wake();
          },
          onEnd(end) {
            qmp.end = end;
            qmp.wake();
          },
        },
      ).catch(() => undefined);
      if (client) {
        qmp.client = client;
        return qmp;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Run a command and return its result. @throws Error with QEMU's message */
  execute<T = Record<string, unknown>>(command: string, args?: Record<string, unknown>): Promise<T> {
    return this.client.execute<T>(command, args);
  }

  /**
   * Wait for the first accepted event of that name, at index `from` of `events` or later.
   *
   * @throws Error with the events that arrived instead
   */
  async event(
    name: string,
    from = 0,
    accept: (data: QmpEvent['data']) => boolean = () => true,
  ): Promise<QmpEvent> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.wake();
    }, EVENT_TIMEOUT_MS);
    try {
      for (;;) {
        const found = this.events.slice(from).find(({ event, data }) => event === name && accept(data));
        if (found) return found;
        if (this.end) throw this.end;
        if (isLate)
          throw new Error(`no such ${name} within ${EVENT_TIMEOUT_MS / 1000} s: ${this.text(from)}`);
        await new Promise<void>((resolve) => this.watchers.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.client.close();
  }

  private text(from: number): string {
    const texts = this.events.slice(from).map(({ event, data }) => `${event} ${JSON.stringify(data)}`);
    return texts.join(', ') || 'no event at all';
  }

  private wake(): void {
    for (const watcher of this.watchers) watcher();
    this.watchers.clear();
  }
}
