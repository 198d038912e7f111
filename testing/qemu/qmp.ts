// A client of QMP, QEMU's machine protocol: one JSON object a line, over a unix socket.
import net from 'node:net';

export interface QmpEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
  /** When QEMU says that it happened, in milliseconds; all QEMUs of a machine share that clock. */
  readonly atMs: number;
}

export class Qmp {
  /** All that came, in order. */
  readonly events: QmpEvent[] = [];
  private readonly answers: { resolve(value: unknown): void; reject(error: Error): void; command: string }[] =
    [];
  private readonly watchers = new Set<() => void>();
  private failure: Error | undefined;
  private text = '';

  private constructor(private readonly socket: net.Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.take(text));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('QMP: QEMU closed the connection')));
  }

  /** Waits until QEMU listens there. */
  static async connect(path: string, alive: () => string | undefined): Promise<Qmp> {
    for (;;) {
      const dead = alive();
      if (dead !== undefined) throw new Error(dead);
      const socket = await new Promise<net.Socket | undefined>((resolve) => {
        const trying = net.connect(path, () => resolve(trying));
        trying.once('error', () => resolve(undefined));
      });
      if (socket) {
        const qmp = new Qmp(socket);
        await qmp.execute('qmp_capabilities');
        return qmp;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** @throws Error with QEMU's own words */
  execute<T = Record<string, unknown>>(command: string, args?: Record<string, unknown>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      this.answers.push({ resolve: resolve as (value: unknown) => void, reject, command });
      this.socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }

  /** The first event of that name from the `from`th of all events on, past or to come. */
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

  private take(text: string): void {
    this.text += text;
    const lines = this.text.split('\n');
    this.text = lines.pop()!;
    for (const line of lines) this.line(JSON.parse(line));
  }

  private line(message: {
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
      const answer = this.answers.shift();
      answer?.reject(new Error(`${answer.command}: ${message.error.desc}`));
    } else if ('return' in message) this.answers.shift()?.resolve(message.return);
    this.wake();
  }

  private end(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.answers.splice(0)) reject(this.failure);
    this.wake();
  }

  private wake(): void {
    for (const watcher of this.watchers) watcher();
    this.watchers.clear();
  }
}
