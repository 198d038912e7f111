import type { Socket } from 'node:net';
import { FRAME } from '../../channel/frame.js';
import { abortable, SerialQueue, sleep } from '../../page/sync.js';
import { QEMU_MAGIC } from '../../qemu/format.js';
import { createDeferred } from '../deferred.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { MigrationLifetime } from '../lifetime.js';
import { PacketChannel } from '../multifd/packet-channel.js';
import { SyncGate } from '../multifd/sync-gate.js';
import type { RoundStats } from '../round-stats.js';
import type { ConnectionKind } from './classify.js';
import type { SourceConnections } from './connections.js';
import { peekMagic } from './peek.js';
import type { SourceStream } from './source-stream.js';

/**
 * Bytes that wait in the kernel are read within this time; QEMU sends those of a channel before it is asked
 * for.
 */
const KNOWN_MS = 100;

/** The parts of a migration that exist once both agents have agreed on it. */
export interface AgreedMigration {
  readonly channel: ChannelSender;
  readonly stream: SourceStream;
  readonly stats: RoundStats;
  /** The destination agent builds packets of multifd. */
  readonly buildsPackets: boolean;
}

/**
 * QEMU's connections besides the main one. Channels of multifd are encoded; all others pass through. After
 * `migrate_cancel`, QEMU's next attempt may connect before the end of the cancelled one is seen; its stream's
 * magic, where it comes late, tells it from a connection of multifd.
 */
export class AdditionalConnections {
  readonly gate = new SyncGate();
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
  add(socket: Socket, kind: ConnectionKind['kind'], onNewAttempt: () => void): void {
    const connection = this.connections.add(socket);
    if (connection === undefined) return;
    const isHeld = kind === 'multifd' && this.gate.join(connection);
    const running = isHeld ? this.encode(socket, connection) : this.pass(socket, connection, onNewAttempt);
    this.running.push(running);
    running.catch((cause) => this.lifetime.fail(cause));
  }

  /** Resolve when it is known of each connection whether it belongs to this migration. */
  async decided(): Promise<void> {
    await Promise.all(this.deciding);
  }

  /** Resolve when every channel of multifd has joined the gate that has sent something. */
  async known(): Promise<void> {
    // A whole turn of the event loop, in which connections that wait in the kernel are accepted.
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
    if (this.deciding.size === 0) return;
    const controller = new AbortController();
    await Promise.race([this.decided(), sleep(KNOWN_MS, controller.signal).catch(() => {})]);
    controller.abort();
  }

  /** Resolve when all connections have ended and are sent. @throws the first failure */
  async ended(): Promise<void> {
    await this.decided();
    await Promise.all(this.running);
  }

  private passThrough(reason: string): void {
    this.agreed.then(({ stream }) => stream.passThrough(reason)).catch((cause) => this.lifetime.fail(cause));
  }

  private async encode(socket: Socket, connection: number): Promise<void> {
    const { signal } = this.lifetime;
    const { channel, stats, stream, buildsPackets } = await this.agreed;
    if (!buildsPackets) {
      this.gate.leave(connection);
      return this.pass(
        socket,
        connection,
        () => {},
        'the destination agent does not know packets of multifd',
      );
    }
    const init = createDeferred<Uint8Array>();
    // In QEMU's order, like those that pass through.
    const opening = this.opening.run(async () => {
      const bytes = await abortable(init.promise, signal);
      await channel.send(connection, FRAME.OPENED, Uint8Array.of(connection), bytes);
    }, signal);
    opening.catch(() => {});
    await new PacketChannel({
      ...{ connection, socket, channel, stats, gate: this.gate, signal },
      sendOpened: (bytes) => {
        init.resolve(bytes);
        return opening;
      },
      addPacket: (number, bytes) => stream.addPacket(number, bytes),
      sentSoFar: () => stream.sentSoFar(),
      onPassThrough: (reason) => this.passThrough(reason),
    }).run();
  }

  private async pass(
    socket: Socket,
    connection: number,
    onNewAttempt: () => void,
    reason = 'QEMU uses more than one connection',
  ): Promise<void> {
    this.passThrough(reason);
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
