import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PageferryError } from '../../page/error.js';
import { withTimeout } from '../../page/sync.js';
import { MAX_CONNECTIONS } from '../connection.js';
import type { MigrationLifetime } from '../lifetime.js';
import { SocketWriter } from '../socket-writer.js';

/** QEMU closes its connection within this time of the destination's. */
const CLOSE_MS = 5000;

/** The connections that one QEMU opened for one migration, by number; the main connection is 0. */
export class SourceConnections {
  private readonly sockets: Socket[] = [];
  /** Writers of the return paths. */
  private readonly writers: SocketWriter[] = [];

  constructor(
    readonly main: Socket,
    private readonly stallMs: number,
    private readonly lifetime: MigrationLifetime,
  ) {
    this.add(main);
  }

  /** Return the connection's number; undefined when there are too many, and the socket was destroyed. */
  add(socket: Socket): number | undefined {
    if (this.sockets.length === MAX_CONNECTIONS) {
      socket.destroy();
      return undefined;
    }
    this.lifetime.attach(socket);
    this.writers.push(new SocketWriter(socket, this.stallMs, "the source's QEMU", this.lifetime.signal));
    return this.sockets.push(socket) - 1;
  }

  /** Write bytes of the return path. @throws PageferryError when QEMU does not read them */
  async writeReturnPath(connection: number | undefined, bytes: Uint8Array): Promise<void> {
    const writer = connection === undefined ? undefined : this.writers[connection];
    if (!writer)
      throw new PageferryError('bad-stream', `an answer to connection ${connection}, which is not open`);
    await writer.write(bytes);
  }

  /**
   * Close a connection that the destination's QEMU has closed. @throws PageferryError when our QEMU does not
   * close it too
   */
  async close(connection: number): Promise<void> {
    const socket = this.sockets[connection];
    // A connection that is being closed has its timeout.
    if (!socket || socket.readableEnded || socket.destroyed || socket.writableEnded) return;
    socket.end();
    await withTimeout(
      CLOSE_MS,
      () =>
        new PageferryError(
          'io',
          `the destination's QEMU closed connection ${connection} before the migration was complete; see its log`,
        ),
      (signal) => Promise.race([once(socket, 'end', { signal }), once(socket, 'close', { signal })]),
      this.lifetime.signal,
    );
  }
}
