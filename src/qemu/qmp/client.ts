// A client of QMP, QEMU's machine protocol: one JSON object a line, over a socket.
import { connect, type Socket } from 'node:net';
import { PageferryError } from '../../page/error.js';
import { socketReason } from '../../page/socket-reason.js';
import { LineReader } from './line-reader.js';

/** Address of a QMP socket. */
export type QmpAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** An event of QEMU. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
  /** QEMU's timestamp in milliseconds; all QEMUs on one host use the same clock. */
  readonly atMs: number;
}

/** Options of a connection to a monitor. */
export interface QmpOptions {
  /** Name of the socket in messages: `--qmp unix:/run/vm1.qmp`. */
  readonly name: string;
  /** Time for the handshake, and for each answer, in ms; default 10 000. */
  readonly timeoutMs?: number;
  readonly onEvent?: (event: QmpEvent) => void;
  /** Called once when the connection has ended, with the reason. */
  readonly onEnd?: (reason: PageferryError) => void;
}

/** Longest line that is accepted: QEMU's answers to queries have some KiB. */
const MAX_LINE_BYTES = 1 << 20;
const MAX_SHOWN_CHARACTERS = 60;
const TIMEOUT_MS = 10_000;

/** Thrown when QEMU rejects a command. */
class QmpCommandError extends PageferryError {
  constructor(
    message: string,
    /** QEMU's error class: `GenericError`, `CommandNotFound`. */
    readonly qemuClass: string,
  ) {
    super(qemuClass === 'CommandNotFound' ? 'unsupported' : 'io', message);
  }
}

interface Request {
  readonly command: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PageferryError) => void;
  readonly timer: NodeJS.Timeout;
}

/** A connection to the monitor of one QEMU. The first failure ends it, and rejects every later command. */
export class QmpClient {
  private readonly requests = new Map<number, Request>();
  private readonly lines = new LineReader(MAX_LINE_BYTES, (line) => this.receive(line));
  private count = 0;
  private failure: PageferryError | undefined;
  private onHandshake: (() => void) | undefined;
  private onFailure: ((error: PageferryError) => void) | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly options: QmpOptions,
  ) {
    socket.on('data', (bytes) => {
      if (!this.failure && !this.lines.push(bytes))
        this.fail(`sent a line of more than ${MAX_LINE_BYTES} bytes; is it a QMP socket?`, 'bad-stream');
    });
    socket.on('error', (cause) => this.fail(socketReason(cause), 'io', cause));
    socket.on('close', () => this.fail('QEMU closed the connection'));
  }

  /** Connect, and leave the negotiation mode. @throws PageferryError `io`, `bad-stream` */
  static async connect(address: QmpAddress, options: QmpOptions): Promise<QmpClient> {
    const client = new QmpClient(connect(address), options);
    try {
      await client.handshake();
      await client.execute('qmp_capabilities');
      return client;
    } catch (cause) {
      client.close();
      throw cause;
    }
  }

  /** Whether commands can be sent. */
  get isOpen(): boolean {
    return this.failure === undefined;
  }

  /**
   * Run a command and return its result. @throws QmpCommandError when QEMU rejects it; PageferryError `io` or
   * `bad-stream` when the connection fails
   */
  execute<T = Record<string, unknown>>(command: string, args?: Record<string, unknown>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      const id = ++this.count;
      const timer = setTimeout(
        () => this.fail(`did not answer ${command} within ${this.timeoutMs} ms`),
        this.timeoutMs,
      );
      this.requests.set(id, { command, timer, reject, resolve: resolve as (result: unknown) => void });
      this.socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }), id })}\n`);
    });
  }

  close(): void {
    this.fail('the connection was closed on this host');
  }

  private get timeoutMs(): number {
    return this.options.timeoutMs ?? TIMEOUT_MS;
  }

  private handshake(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      const timer = setTimeout(
        () =>
          this.fail(`sent no handshake within ${this.timeoutMs} ms; another client may be connected to it`),
        this.timeoutMs,
      );
      this.onHandshake = () => {
        clearTimeout(timer);
        resolve();
      };
      this.onFailure = (error) => {
        clearTimeout(timer);
        reject(error);
      };
    });
  }

  private receive(line: string): void {
    if (this.failure || line.trim() === '') return;
    const message = parseObject(line);
    if (!message) {
      this.fail(`sent ${shown(line)}, which is not a QMP message; is it a QMP socket?`, 'bad-stream');
      return;
    }
    if (this.onHandshake) {
      if (!isObject(message.QMP)) {
        this.fail(`sent ${shown(line)} in place of QMP's handshake; is it a QMP socket?`, 'bad-stream');
        return;
      }
      this.onHandshake();
      this.onHandshake = undefined;
      this.onFailure = undefined;
    } else if (typeof message.event === 'string') this.options.onEvent?.(eventOf(message.event, message));
    else this.answered(message);
  }

  /** Settle the request that a message answers. */
  private answered(message: Record<string, unknown>): void {
    const request = this.requests.get(message.id as number);
    if (!request) return;
    this.requests.delete(message.id as number);
    clearTimeout(request.timer);
    if (isObject(message.error)) {
      const { class: name, desc } = message.error;
      const reason =
        typeof desc === 'string' ? desc.slice(0, 1000).replace(/\p{C}/gu, ' ') : 'no reason given';
      const text = `${this.options.name}: ${request.command}: ${reason}`;
      request.reject(new QmpCommandError(text, typeof name === 'string' ? name : 'GenericError'));
    } else request.resolve(message.return);
  }

  private fail(found: string, code: 'io' | 'bad-stream' = 'io', cause?: Error): void {
    if (this.failure) return;
    this.failure = new PageferryError(code, `${this.options.name}: ${found}`, { cause });
    for (const { timer, reject } of this.requests.values()) {
      clearTimeout(timer);
      reject(this.failure);
    }
    this.requests.clear();
    this.onFailure?.(this.failure);
    this.socket.destroy();
    this.options.onEnd?.(this.failure);
  }
}

function eventOf(event: string, message: Record<string, unknown>): QmpEvent {
  const { seconds, microseconds } = isObject(message.timestamp) ? message.timestamp : {};
  return {
    event,
    data: isObject(message.data) ? message.data : {},
    atMs: Number(seconds ?? 0) * 1000 + Number(microseconds ?? 0) / 1000,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function shown(line: string): string {
  const text = line.slice(0, MAX_SHOWN_CHARACTERS).replace(/\p{C}/gu, ' ');
  return JSON.stringify(line.length > MAX_SHOWN_CHARACTERS ? `${text}...` : text);
}
