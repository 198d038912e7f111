// A fake of QEMU's monitor: it answers the commands that migrations need, and records those that it gets.
import net from 'node:net';

/** An answer, or a function that returns one. */
export interface FakeAnswers {
  readonly [command: string]: unknown;
}

const ANSWERS: FakeAnswers = {
  'query-version': { qemu: { major: 7, minor: 2, micro: 22 } },
  'query-status': { status: 'running' },
  'query-memory-size-summary': { 'base-memory': 2 ** 30 },
  'query-cpus-fast': [{}, {}],
  'query-kvm': { enabled: true, present: true },
  'query-migrate-capabilities': [
    { capability: 'return-path', state: true },
    { capability: 'multifd', state: false },
    { capability: 'postcopy-ram', state: false },
  ],
  'query-migrate-parameters': { 'downtime-limit': 300 },
  'query-migrate': {},
  'calc-dirty-rate': {},
  'query-dirty-rate': { status: 'measured', 'dirty-rate': 10 },
};

/** A monitor with one client at a time. */
export class FakeMonitor {
  /** Commands that were sent, with their arguments. */
  readonly commands: { readonly execute: string; readonly arguments?: unknown }[] = [];
  private readonly sockets = new Set<net.Socket>();
  private readonly server: net.Server;

  private constructor(private readonly answers: FakeAnswers) {
    this.server = net.createServer((socket) => this.connected(socket));
  }

  /** `answers` replace those of a guest of 1 GiB that writes 10 MiB a second; null: a command is rejected. */
  static async listening(path: string, answers: FakeAnswers = {}): Promise<FakeMonitor> {
    const monitor = new FakeMonitor({ ...ANSWERS, ...answers });
    await new Promise<void>((resolve) => monitor.server.listen(path, resolve));
    return monitor;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private connected(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {}).once('close', () => this.sockets.delete(socket));
    socket.write('{"QMP": {"version": {}, "capabilities": []}}\r\n');
    socket.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        const { id, ...command } = JSON.parse(line);
        this.commands.push(command);
        const found = this.answers[command.execute] ?? {};
        const answer = typeof found === 'function' ? found(command.arguments) : found;
        const isRejected = this.answers[command.execute] === null;
        const error = { class: 'CommandNotFound', desc: `The command ${command.execute} has not been found` };
        socket.write(`${JSON.stringify(isRejected ? { error, id } : { return: answer, id })}\r\n`);
      }
    });
  }
}
