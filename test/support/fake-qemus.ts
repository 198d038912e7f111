// Fakes of the two QEMUs beside a pair of agents: one writes a stream, the other collects what it receives.
import net from 'node:net';

/** One connection that the destination's agent made. */
export interface Arrival {
  readonly socket: net.Socket;
  readonly pieces: Buffer[];
  bytes: number;
  /** Resolves when the socket is closed. */
  readonly over: Promise<void>;
}

export interface FakeDestinationOptions {
  /** Called with every piece; may answer, or close. */
  readonly took?: (arrival: Arrival, number: number) => void;
  /** Read at most this much. */
  readonly bytesPerSecond?: number;
  /** Whether a connection, by number, is read at all. */
  readonly reads?: (number: number) => boolean;
}

const TICK_MS = 20;

/** A fake QEMU that receives a guest. */
export class FakeDestination {
  readonly arrivals: Arrival[] = [];
  /** Stop limiting the read rate. */
  hurry: () => void = () => {};
  private readonly server: net.Server;

  constructor(private readonly options: FakeDestinationOptions = {}) {
    this.server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.arrived(socket),
    );
  }

  static async listening(path: string, options?: FakeDestinationOptions): Promise<FakeDestination> {
    const qemu = new FakeDestination(options);
    await new Promise<void>((resolve) => qemu.server.listen(path, resolve));
    return qemu;
  }

  /** Everything that was received on a connection. */
  stream(number = 0): Buffer {
    return Buffer.concat(this.arrivals[number]?.pieces ?? []);
  }

  get bytes(): number {
    return this.arrivals.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async close(): Promise<void> {
    for (const { socket } of this.arrivals) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private arrived(socket: net.Socket): void {
    const { took, bytesPerSecond, reads = () => true } = this.options;
    const over = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const arrival: Arrival = { socket, pieces: [], bytes: 0, over };
    const number = this.arrivals.push(arrival) - 1;
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    const take = (piece: Buffer) => {
      arrival.pieces.push(piece);
      arrival.bytes += piece.length;
      took?.(arrival, number);
    };
    if (!reads(number)) return;
    if (bytesPerSecond === undefined) socket.on('data', take).resume();
    else this.hurry = slowly(socket, (bytesPerSecond * TICK_MS) / 1000, take);
  }
}

function slowly(socket: net.Socket, bytes: number, take: (piece: Buffer) => void): () => void {
  socket.on('readable', () => {});
  const timer = setInterval(() => {
    const piece: Buffer | null = socket.read(Math.min(bytes, socket.readableLength || bytes));
    if (piece) take(piece);
  }, TICK_MS);
  socket.once('close', () => clearInterval(timer));
  let isSlow = true;
  return () => {
    if (!isSlow) return;
    isSlow = false;
    clearInterval(timer);
    socket.removeAllListeners('readable').on('data', take).resume();
  };
}

/** One connection of a fake QEMU that sends a guest. */
export class FakeSource {
  /** What came back. */
  readonly answers: Buffer[] = [];
  /** Bytes that the agent, or the kernel's buffer, has accepted. */
  written = 0;
  readonly closed: Promise<void>;
  private isClosed = false;

  private constructor(readonly socket: net.Socket) {
    socket.on('data', (bytes: Buffer) => this.answers.push(bytes));
    socket.on('error', () => {}).on('end', () => socket.end());
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.isClosed = true;
        resolve();
      }),
    );
  }

  static connect(to: string | net.TcpNetConnectOpts): Promise<FakeSource> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(
        { ...(typeof to === 'string' ? { path: to } : to), allowHalfOpen: true },
        () => {
          socket.off('error', reject);
          resolve(new FakeSource(socket));
        },
      );
      socket.once('error', reject);
    });
  }

  /** Write with back-pressure. Resolve to false once the connection is closed. */
  async write(pieces: Iterable<Uint8Array>): Promise<boolean> {
    for (const piece of pieces) {
      if (this.isClosed) return false;
      const taken = new Promise<boolean>((resolve) => this.socket.write(piece, (error) => resolve(!error)));
      if (!(await Promise.race([taken, this.closed.then(() => false)]))) return false;
      this.written += piece.length;
    }
    return true;
  }

  get back(): Buffer {
    return Buffer.concat(this.answers);
  }
}
