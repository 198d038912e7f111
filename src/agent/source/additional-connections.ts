import type { Socket } from 'node:net';
import { FRAME } from '../../channel/frame.js';
import { SerialQueue } from '../../page/sync.js';
import { QEMU_MAGIC } from '../../qemu/format.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { MigrationLifetime } from '../lifetime.js';
import type { RoundStats } from '../stats.js';
import type { SourceConnections } from './connections.js';
import type { SourceStream } from './source-stream.js';
import { peekMagic, peekMagicWithin } from './stream-magic.js';

/**
 * A connection of multifd begins with its magic at once; postcopy's preempt channel may send nothing for a
 * long time.
 */
const PEEK_MS = 300;

/** The parts of a migration that exist once both agents have agreed on it. */
export interface AgreedMigration {
  readonly channel: ChannelSender;
  readonly stream: SourceStream;
  readonly stats: RoundStats;
}

interface ConnectionEvents {
  /** Called before the connection's bytes pass through. */
  readonly onAdditional: () => void;
  /** Called where the connection begins a migration of its own. It is not read further. */
  readonly onNewAttempt: () => void;
}

/**
 * QEMU's connections besides the main one. Their bytes pass through uncoded. After `migrate_cancel`, QEMU's
 * next attempt may connect before the end of the cancelled one is seen; its stream's magic tells it from a
 * connection of multifd.
 */
export class AdditionalConnections {
  private readonly opening = new SerialQueue();
  private readonly deciding = new Set<Promise<unknown>>();
  private readonly running: Promise<void>[] = [];

  constructor(
    private readonly connections: SourceConnections,
    private readonly lifetime: MigrationLifetime,
    private readonly agreed: Promise<AgreedMigration>,
  ) {}

  add(socket: Socket, events: ConnectionEvents): void {
    const magic = peekMagicWithin(socket, PEEK_MS);
    const decided = magic.then((found) => this.decide(socket, found, events));
    this.deciding.add(decided);
    const running = decided.then((connection) => {
      this.deciding.delete(decided);
      return connection === undefined ? undefined : this.pass(socket, connection, events);
    });
    this.running.push(running);
    running.catch((cause) => this.lifetime.fail(cause));
  }

  /** Resolve when it is known of each connection whether it belongs to this migration. */
  async decided(): Promise<void> {
    await Promise.all(this.deciding);
  }

  /** Resolve when all connections have ended and are sent. @throws the first failure */
  async ended(): Promise<void> {
    await Promise.all(this.running);
  }

  /** Return the connection's number where it belongs to this migration. */
  private decide(socket: Socket, magic: number | undefined, events: ConnectionEvents): number | undefined {
    if (magic === QEMU_MAGIC) {
      events.onNewAttempt();
      return undefined;
    }
    const connection = this.connections.add(socket);
    if (connection !== undefined) {
      events.onAdditional();
      this.agreed
        .then(({ stream }) => stream.passThrough('QEMU uses more than one connection'))
        .catch((cause) => this.lifetime.fail(cause));
    }
    return connection;
  }

  private async pass(socket: Socket, connection: number, events: ConnectionEvents): Promise<void> {
    const { signal } = this.lifetime;
    const { channel, stats } = await this.agreed;
    // In QEMU's order, and at once: the destination's QEMU may read nothing before all its connections are
    // open.
    const head = Uint8Array.of(connection);
    await this.opening.run(() => channel.send(connection, FRAME.OPENED, head), signal);
    if ((await peekMagic(socket, signal)) === QEMU_MAGIC) {
      this.lifetime.detach(socket);
      return events.onNewAttempt();
    }
    for await (const bytes of socket as AsyncIterable<Uint8Array>) {
      stats.streamBytes += bytes.length;
      await channel.sendLiteral(connection, bytes);
    }
    await channel.send(connection, FRAME.ENDED, head);
  }
}
