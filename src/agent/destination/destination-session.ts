import { type ChannelFrame, FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { checkSessionId } from '../../channel/handshake.js';
import { channelTimes } from '../../channel/security.js';
import { digestText } from '../../dedup/image-digest.js';
import { PageferryError } from '../../page/error.js';
import { abortable, SerialQueue } from '../../page/sync.js';
import { BusyFraction } from '../../strategy/busy-fraction.js';
import { asError } from '../as-error.js';
import { checkSameBase } from '../base-image.js';
import { MAIN, MAX_CONNECTIONS } from '../connection.js';
import { openIncoming } from '../direct/incoming.js';
import { DestinationReporter } from '../flow/destination-report.js';
import { qemuAddress, UUID_BYTES, uuidText } from '../guest-uuid.js';
import { endAfterHandOver, MAY_RUN } from '../hand-over.js';
import { MigrationLifetime } from '../lifetime.js';
import { type MessageLog, messageLog } from '../log.js';
import { acceptBytes, readMigrate } from '../messages.js';
import type { MeteredMigration } from '../metrics.js';
import { DestinationStream } from './destination-stream.js';
import type { DestinationAgentOptions } from './options.js';
import { QemuConnection } from './qemu-connection.js';

/** Frames that name a connection of QEMU. */
const CONNECTION_FRAMES: ReadonlySet<number> = new Set([FRAME.LITERAL, FRAME.OPENED, FRAME.ENDED]);
/** Frames of the guest's memory, which belong to the main connection. */
const MEMORY_FRAMES: ReadonlySet<number> = new Set([
  FRAME.PAGES,
  FRAME.RECORD,
  FRAME.BYPASS,
  FRAME.PACKETS,
  FRAME.BLOCKS,
  FRAME.PASS_THROUGH,
  FRAME.END,
]);

/** One migration, from the source's announcement until QEMU has the guest. */
export class DestinationSession {
  private readonly lifetime = new MigrationLifetime();
  private readonly metered: MeteredMigration;
  private readonly log: MessageLog;
  private readonly connections: QemuConnection[] = [];
  private readonly opening = new SerialQueue();
  /** Each resolves when QEMU closes a connection. */
  private readonly closings: Promise<void>[] = [];
  private stream: DestinationStream | undefined;
  /** The guest's UUID, where the source reported it. */
  private uuid: string | undefined;
  private reporter: DestinationReporter | undefined;
  private queuedFrames = 0;
  private processedBytes = 0;
  /** QEMU has everything. */
  private isDelivered = false;
  private hasQemuFailed = false;
  private isComplete = false;
  /** Fraction of the time that no frame is queued. */
  private readonly idle = new BusyFraction(performance.now());

  constructor(
    private readonly options: DestinationAgentOptions,
    number: number,
    private readonly channel: FrameChannel,
  ) {
    this.metered = options.meters.begin();
    this.log = messageLog(options.log, number);
    this.lifetime.attachChannel(channel);
  }

  /** The migration has failed or ended; only its channel may still be closing. */
  get isOver(): boolean {
    return this.lifetime.signal.aborted;
  }

  /** Run the migration to its end. Return why it failed, if it did. */
  async run(): Promise<PageferryError | undefined> {
    let error: PageferryError | undefined;
    try {
      await this.migrate();
      this.log('info', 'QEMU runs the guest');
    } catch (cause) {
      const { mayRun } = this;
      error = this.fail(cause);
      const state = mayRun && !error.message.includes(MAY_RUN) ? `; ${MAY_RUN}` : '';
      this.log('error', `failed: ${error.message}${state}`);
    }
    this.metered.end(error ? 'failed' : 'completed');
    await this.lifetime.end();
    return error;
  }

  stop(reason: string): void {
    this.fail(new PageferryError('io', reason));
  }

  /** Stop the migration; one that hands the guest over may end first. */
  stopSafely(reason: string): void {
    const end = () => this.stop(reason);
    if (this.mayRun) endAfterHandOver(this.lifetime, this.log, end);
    else end();
  }

  /** QEMU may have everything. Memory that was not verified is not read here: only its end tells. */
  private get mayRun(): boolean {
    return !this.hasQemuFailed && (this.isDelivered || (this.stream?.isVerified ?? false));
  }

  private fail(cause: unknown): PageferryError {
    const error = asError(cause);
    const reason = this.mayRun
      ? new PageferryError(error.code, `${error.message}; ${MAY_RUN}`, { cause })
      : error;
    return this.lifetime.fail(reason, this.stream ? FRAME.FAILED : FRAME.REFUSE);
  }

  /** QEMU, or its connection, has failed. */
  private failOfQemu(cause: unknown): void {
    if (!this.isOver) this.hasQemuFailed = true;
    this.fail(cause);
  }

  private async migrate(): Promise<void> {
    const { channel, options } = this;
    const { sessionId, cacheBytes, base } = readMigrate(await channel.expect(FRAME.MIGRATE));
    const report = channel.lastReport;
    if (report && report.length >= UUID_BYTES) this.uuid = uuidText(report.subarray(0, UUID_BYTES));
    checkSessionId(channel, sessionId, channel.session!.ownId);
    checkSameBase(base, options.base?.digest);
    const agreedBytes = Math.min(cacheBytes, options.cacheBytes);
    if (options.direct) await openIncoming(options.direct.qmp, qemuAddress(options.qemu, this.uuid));
    const main = await this.open(MAIN);
    const stream = await DestinationStream.open({
      cacheBytes: agreedBytes,
      maxGuestBytes: options.maxGuestBytes,
      base: options.base,
      write: (number, bytes, onWritten) =>
        number === MAIN ? main.write(bytes, onWritten) : this.writePacket(number, bytes, onWritten),
    });
    this.stream = stream;
    this.reporter = new DestinationReporter(channel, () => stream.costs);
    this.reporter.begin();
    await channel.send(FRAME.ACCEPT, acceptBytes(agreedBytes));
    const names = channel.identities.join(', ') || 'unauthenticated';
    this.log('info', `a migration from ${channel.peer} (${names}) begins`);
    this.metered.observe(() => stream.sample(this.processedBytes));
    await this.receiveAll(stream);
    this.isDelivered = true;
    await this.closedByQemu();
    if (!stream.isVerified)
      this.log(
        'warn',
        `the guest's memory was not verified: ${stream.passThroughReason ?? 'its digest is missing'}`,
      );
    this.isComplete = true;
    await channel.send(FRAME.COMMITTED);
  }

  /** Resolve when every frame up to the end of the main connection is processed, of all connections. */
  private async receiveAll(stream: DestinationStream): Promise<void> {
    this.idle.set(performance.now(), true);
    const processed: Promise<void>[] = [];
    let isEnded = false;
    while (!isEnded) {
      const frame = await this.receive();
      isEnded = frame.type === FRAME.ENDED && frame.body[0] === MAIN;
      const done = this.process(frame, stream);
      done.catch((cause) => this.failOfQemu(cause));
      if (frame.type === FRAME.ENDED) processed.push(done);
    }
    // The source sends nothing more; the end of its channel ends this side at once.
    this.receive().then(
      (frame) => this.fail(this.channel.unexpected(frame, FRAME.COMMITTED)),
      (cause) => this.isComplete || this.fail(cause),
    );
    await Promise.all(processed);
  }

  private async receive(): Promise<ChannelFrame> {
    const frame = await this.channel.receive();
    if (frame) return frame;
    throw new PageferryError(
      'io',
      `${this.channel.peer} closed the channel before the migration was complete`,
    );
  }

  private process(frame: ChannelFrame, stream: DestinationStream): Promise<void> {
    const { type } = frame;
    const isMemory = MEMORY_FRAMES.has(type);
    if (!isMemory && !CONNECTION_FRAMES.has(type)) throw this.channel.unexpected(frame, FRAME.PAGES);
    const body = isMemory ? new Uint8Array(0) : frame.body;
    const number = isMemory ? MAIN : body[0];
    if (number === undefined) throw new PageferryError('bad-stream', 'a frame of no connection');
    const connection = type === FRAME.OPENED ? this.create(number) : this.connections[number];
    if (!connection) throw new PageferryError('bad-stream', `connection ${number} is not open`);
    if (this.queuedFrames++ === 0) this.idle.set(performance.now(), false);
    const isOpened = type === FRAME.OPENED;
    if (isOpened && body.length > 1) connection.expectPackets();
    const packetsWritten =
      isOpened || number === MAIN ? undefined : connection.packetsWritten(this.connections[MAIN]!);
    packetsWritten?.catch(() => {});
    return connection.add(frame, async () => {
      await packetsWritten;
      if (type === FRAME.OPENED) {
        await this.opening.run(() => this.connect(connection), this.lifetime.signal);
        await connection.begin(body.subarray(1));
      } else if (number === MAIN && type !== FRAME.ENDED) await stream.process(frame);
      else if (type === FRAME.LITERAL) await connection.write(body.subarray(1));
      this.logFrame(type, stream);
    });
  }

  /** Write a packet that was built, once the channel's head is written. */
  private async writePacket(number: number, bytes: Uint8Array, onWritten: () => void): Promise<void> {
    const connection = this.connections[number];
    if (!connection || number === MAIN)
      throw new PageferryError('bad-stream', `a packet of connection ${number}, which is not open`);
    await connection.writePacket(bytes, onWritten);
  }

  private async open(number: number): Promise<QemuConnection> {
    const connection = this.create(number);
    await this.connect(connection);
    return connection;
  }

  private create(number: number): QemuConnection {
    if (number !== this.connections.length)
      throw new PageferryError('bad-stream', `connection ${number} where ${this.connections.length} is next`);
    if (number >= MAX_CONNECTIONS)
      throw new PageferryError('limit', `connection ${number}, expected at most ${MAX_CONNECTIONS}`);
    const { channel, lifetime, options } = this;
    const connection = new QemuConnection(number, {
      ...{
        channel,
        lifetime,
        qemu: qemuAddress(options.qemu, this.uuid),
        stallMs: channelTimes(options.listen).stallMs,
      },
      idle: () => this.idle.at(performance.now()),
      onProcessed: (bytes) => this.processed(bytes),
    });
    this.connections.push(connection);
    return connection;
  }

  private async connect(connection: QemuConnection): Promise<void> {
    await connection.open();
    const closed = connection.forwardReturnPath().then(() => this.closed(connection));
    closed.catch((cause) => this.failOfQemu(cause));
    this.closings.push(closed);
  }

  private processed(bytes: number): void {
    this.processedBytes += bytes;
    this.reporter?.report();
    if (--this.queuedFrames === 0) this.idle.set(performance.now(), true);
  }

  /**
   * QEMU may close first once it has everything; its return path, or the source's QEMU, says whether it runs
   * the guest.
   */
  private async closed(connection: QemuConnection): Promise<void> {
    if (connection.isEnded || connection.number !== MAIN) return;
    if (!this.stream?.mayBeComplete) throw connection.closedByQemu();
    await this.channel.send(FRAME.CLOSED, Uint8Array.of(connection.number));
  }

  /**
   * Resolve when QEMU has closed its connections. No time limit: QEMU runs the guest once it has loaded it,
   * however long that takes, so a failure that is reported before could start the guest on both hosts.
   */
  private async closedByQemu(): Promise<void> {
    const { closeMs = 60_000 } = this.options;
    const message = `the destination's QEMU has everything, but has not closed its connection for ${closeMs} ms: it still loads the guest, or hangs; see its log`;
    const timer = setTimeout(() => this.log('warn', message), closeMs);
    try {
      await abortable(Promise.all(this.closings), this.lifetime.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  private logFrame(type: number, { passThroughReason, digest }: DestinationStream): void {
    if (type === FRAME.PASS_THROUGH) this.log('warn', `pass-through from here on: ${passThroughReason}`);
    if (type === FRAME.END)
      this.log('info', `all memory arrived and is verified: digest ${digestText(digest!)}`);
  }
}
