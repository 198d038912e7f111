// A client of QMP, QEMU's machine protocol: one JSON object per line, over a unix socket.
import net from 'node:net';

export interface QmpEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
  /** QEMU's timestamp in milliseconds; all QEMUs on one host use the same clock. */
  readonly atMs: number;
}

export class Qmp {
  /** All events received, in order. */
  readonly events: QmpEvent[] = [];
  private readonly pending: { resolve(value: unknown): void; reject(error: Error): void; command: string }[] =
    [];
  private readonly watchers = new Set<() => void>();
  private failure: Error | undefined;
  private text = '';

  private constructor(private readonly socket: net.Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.receive(text));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('QMP: QEMU closed the connection')));
  }

  /** Connect, retrying until QEMU listens. `endReason` returns the reason when QEMU has ended. */
  static async connect(path: string, endReason: () => string | undefined): Promise<Qmp> {
    for (;;) {
      const reason = endReason();
      if (reason !== undefined) throw new Error(reason);
      const socket = await new Promise<net.Socket | undefined>((resolve) => {
        const attempt = net.connect(path, () => resolve(attempt));
        attempt.once('error', () => resolve(undefined));
      });
      if (socket) {
        const qmp = new Qmp(socket);
        await qmp.execute('qmp_capabilities');
        return qmp;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Run a command and return its result. @throws Error with QEMU's message */
  execute<T = Record<string, unknown>>(command: string, args?: Record<string, unknown>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      this.pending.push({ resolve: resolve as (value: unknown) => void, reject, command });
      this.socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }

  /** Wait for the first accepted event of that name, at index `from` of `events` or later. */
  async event(
    name: string,
    from = 0,
    accept: (data: QmpEvent['data']) => boolean = () => true,
  ): Promise<QmpEvent> {
    for (;;) {
      const found = this.events.slice(from).find(({ event, data }) => event === name && accept(data));
      if (found) return found;
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => this.watchers.add(resolve));
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(text: string): void {
    this.text += text;
    const lines = this.text.split('\n');
    this.text = lines.pop()!;
    for (const line of lines) this.dispatch(JSON.parse(line));
  }

  private dispatch(message: {
    event?: string;
    data?: QmpEvent['data'];
    timestamp?: { seconds: number; microseconds: number };
    return?: unknown;
    error?: { desc: string };
  }): void {
    if (message.event !== undefined) {
      const { seconds = 0, microseconds = 0 } = message.timestamp ?? {};
      this.events.push({
        event: message.event,
        data: message.data ?? {},
        atMs: seconds * 1000 + microseconds / 1000,
      });
    } else if (message.error) {
      const request = this.pending.shift();
      request?.reject(new Error(`${request.command}: ${message.error.desc}`));
    } else if ('return' in message) this.pending.shift()?.resolve(message.return);
    this.wake();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.pending.splice(0)) reject(this.failure);
    this.wake();
  }

  private wake(): void {
    for (const watcher of this.watchers) watcher();
    this.watchers.clear();
  }
}
