// A TCP relay with a rate and a delay, for links that the kernel cannot shape.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface DelayRelayOptions {
  readonly port: number;
  readonly roundTripMs: number;
  /** Rate of each direction. */
  readonly bitsPerSecond: number;
  /** Bytes that wait for the link in a direction before the relay stops to read. Default 256 KiB. */
  readonly bufferBytes?: number;
}

/** Relays connections to `port`. Each direction of each connection is a link of its own. */
export class DelayRelay {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly options: DelayRelayOptions,
  ) {
    server.on('connection', (socket: Socket) => this.join(socket));
  }

  static async before(options: DelayRelayOptions): Promise<DelayRelay> {
    const server = createServer({ allowHalfOpen: true });
    const relay = new DelayRelay(server, options);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private join(near: Socket): void {
    const far = connect({ port: this.options.port, host: '127.0.0.1', allowHalfOpen: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.setNoDelay(true).on('error', () => {});
      socket.once('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      this.forward(socket, other);
    }
  }

  private forward(from: Socket, to: Socket): void {
    const { roundTripMs, bitsPerSecond, bufferBytes = 256 << 10 } = this.options;
    const bytesPerMs = bitsPerSecond / 8000;
    /** Pieces on the link; an empty one is the end of the connection. */
    const pieces: { readonly atMs: number; readonly bytes: Uint8Array }[] = [];
    let linkFreeMs = 0;
    let isWaiting = false;
    const wait = () => {
      if (isWaiting) return;
      isWaiting = true;
      setTimeout(deliver, Math.max(0, pieces[0]!.atMs - performance.now()));
    };
    const deliver = () => {
      isWaiting = false;
      const nowMs = performance.now();
      while (pieces.length > 0 && pieces[0]!.atMs <= nowMs) {
        const { bytes } = pieces.shift()!;
        if (bytes.length > 0) to.write(bytes);
        else to.end();
      }
      if (pieces.length > 0) wait();
    };
    const resume = () => from.resume();
    from.on('data', (bytes) => {
      const nowMs = performance.now();
      linkFreeMs = Math.max(linkFreeMs, nowMs) + bytes.length / bytesPerMs;
      pieces.push({ atMs: linkFreeMs + roundTripMs / 2, bytes });
      wait();
      const waitingMs = linkFreeMs - nowMs - bufferBytes / bytesPerMs;
      if (waitingMs <= 0) return;
      from.pause();
      setTimeout(resume, waitingMs);
    });
    from.on('end', () => {
      pieces.push({
        atMs: Math.max(linkFreeMs, performance.now()) + roundTripMs / 2,
        bytes: new Uint8Array(),
      });
      wait();
    });
  }
}
