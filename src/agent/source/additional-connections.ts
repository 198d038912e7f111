import type { Socket } from 'node:net';
import { FRAME } from '../../channel/frame.js';
import { SerialQueue } from '../../page/sync.js';
import { QEMU_MAGIC } from '../../qemu/format.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { MigrationLifetime } from '../lifetime.js';
import type { RoundStats } from '../stats.js';
import type { SourceConnections } from './connections.js';
import type { SourceStream } from './source-stream.js';
import { peekMagic } from './stream-magic.js';

/** The parts of a migration that exist once both agents have agreed on it. */
export interface AgreedMigration {
  readonly channel: ChannelSender;
  readonly stream: SourceStream;
  readonly stats: RoundStats;
}

/**
 * QEMU's connections besides the main one. Their bytes pass through uncoded. After `migrate_cancel`, QEMU's
 * next attempt may connect before the end of the cancelled one is seen; its stream's magic, where it comes
 * late, tells it from a connection of multifd.
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

  /** Wait with the digest until `decided` resolves: a new connection may belong to this migration. */
  hold(decided: Promise<unknown>): void {
    this.deciding.add(decided);
    void decided.then(() => this.deciding.delete(decided));
  }

  /**
   * Add a connection. `onNewAttempt` is called where it begins a migration of its own after all; it is not
   * read further.
   */
  add(socket: Socket, onNewAttempt: () => void): void {
    const connection = this.connections.add(socket);
    if (connection === undefined) return;
    this.agreed
      .then(({ stream }) => stream.passThrough('QEMU uses more than one connection'))
      .catch((cause) => this.lifetime.fail(cause));
    const running = this.pass(socket, connection, onNewAttempt);
    this.running.push(running);
    running.catch((cause) => this.lifetime.fail(cause));
  }

  /** Resolve when it is known of each connection whether it belongs to this migration. */
  async decided(): Promise<void> {
    await Promise.all(this.deciding);
  }

  /** Resolve when all connections have ended and are sent. @throws the first failure */
  async ended(): Promise<void> {
    await this.decided();
    await Promise.all(this.running);
  }

  private async pass(socket: Socket, connection: number, onNewAttempt: () => void): Promise<void> {
    const { signal } = this.lifetime;
    const { channel, stats } = await this.agreed;
    // In QEMU's order, and at once: the destination's QEMU may read nothing before all its connections are
    // open.
    const head = Uint8Array.of(connection);
    await this.opening.run(() => channel.send(connection, FRAME.OPENED, head), signal);
    if ((await peekMagic(socket, signal)) === QEMU_MAGIC) {
      this.lifetime.detach(socket);
      return onNewAttempt();
    }
    for await (const bytes of socket as AsyncIterable<Uint8Array>) {
      stats.streamBytes += bytes.length;
      await channel.sendLiteral(connection, bytes);
    }
    await channel.send(connection, FRAME.ENDED, head);
  }
}
