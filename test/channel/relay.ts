// A relay between two hosts that records all bytes and can change, drop, repeat and reorder them.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { HEAD_BYTES } from '../../src/channel/frame.js';

/** Returns the bytes of the first unit of a buffer, or 0 if its length has not arrived. */
type Unit = (bytes: Buffer) => number;

/** The units of each kind of channel. */
export const UNITS = {
  /** Records of TLS: type u8 | version u16 | length u16, big-endian. */
  secure: (bytes: Buffer) => (bytes.length < 5 ? 0 : 5 + bytes.readUInt16BE(3)),
  /** Frames. */
  insecure: (bytes: Buffer) => (bytes.length < HEAD_BYTES ? 0 : HEAD_BYTES + bytes.readUInt32LE(0)),
} satisfies Record<string, Unit>;

/** Returns what is sent in place of a unit from the source, or ends the connection. */
export type Change = (unit: Buffer, index: number) => readonly Buffer[] | 'cut';

/** Relays connections to `port`; bytes from the source go unit by unit. */
export class Middle {
  /** Units that the source sent. */
  readonly units: Buffer[] = [];
  /** Bytes that the destination sent. */
  readonly answers: Buffer[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async before(port: number, unit: Unit, change: Change = (bytes) => [bytes]): Promise<Middle> {
    const server = createServer();
    const middle = new Middle(server);
    server.on('connection', (source) => middle.join(source, connect(port, '127.0.0.1'), unit, change));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return middle;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
    this.dropConnections();
  }

  /** Break off all connections, as the death of either process does; later ones are forwarded. */
  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private join(source: Socket, destination: Socket, unit: Unit, change: Change): void {
    // After a cut the destination is read on until it closes: closing with unread answers would reset the
    // connection, and it could lose what it has not read yet.
    let isCut = false;
    for (const [socket, other] of [
      [source, destination],
      [destination, source],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('end', () => other.end());
      socket.on('close', () => {
        this.sockets.delete(socket);
        if (!isCut) other.destroySoon();
      });
    }
    destination.on('data', (bytes) => {
      this.answers.push(bytes);
      if (!isCut) source.write(bytes);
    });
    let waiting = Buffer.alloc(0);
    let index = 0;
    source.on('data', (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
      for (let size = unit(waiting); size > 0 && size <= waiting.length; size = unit(waiting)) {
        const whole = waiting.subarray(0, size);
        waiting = waiting.subarray(size);
        this.units.push(whole);
        const changed = change(whole, index++);
        if (changed === 'cut') {
          isCut = true;
          destination.end();
          source.destroy();
          return;
        }
        for (const piece of changed) destination.write(piece);
      }
    });
  }
}
