import type { Socket } from 'node:net';
import { PageferryError } from '../../page/error.js';
import { SocketWriter } from '../socket-writer.js';

const MAX_CONNECTIONS = 64;
/** QEMU closes its end within so long of the other one, or something is wrong. */
const CLOSE_MS = 5000;

/** The connections that one QEMU has opened for one migration, by number: the main one first. */
export class SourceConnections {
  private readonly sockets: Socket[] = [];
  /** The ways back. */
  private readonly outlets: SocketWriter[] = [];

  constructor(
    readonly main: Socket,
    private readonly stallMs: number,
  ) {
    this.add(main);
  }

  /** Returns its number; nothing when there are too many: then it is closed. */
  add(socket: Socket): number | undefined {
    if (this.sockets.length === MAX_CONNECTIONS) {
      socket.destroy();
      return undefined;
    }
    this.outlets.push(new SocketWriter(socket, this.stallMs, 'QEMU'));
    return this.sockets.push(socket) - 1;
  }

  /** Writes what the destination's QEMU answers. @throws PageferryError when QEMU does not take it */
  async answer(number: number | undefined, bytes: Uint8Array): Promise<void> {
    const outlet = number === undefined ? undefined : this.outlets[number];
    if (!outlet)
      throw new PageferryError('bad-stream', `an answer to connection ${number}, which is not open`);
    await outlet.write(bytes);
  }

  /** The destination's QEMU has closed one: ours may have to read that, and then closes its own, or is `late`. */
  closedThere(number: number, late: () => void): void {
    const socket = this.sockets[number];
    if (!socket || socket.readableEnded) return;
    socket.end();
    const timer = setTimeout(late, CLOSE_MS);
    socket.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
  }

  /** QEMU takes a connection that is closed for a failure, and lets its guest go on. */
  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
