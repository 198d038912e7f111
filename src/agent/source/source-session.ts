import type { Socket } from 'node:net';
import { expectAnswer } from '../../channel/answer.js';
import { connectChannel } from '../../channel/connect.js';
import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { ReportedError } from '../../channel/handshake-messages.js';
import { channelTimes } from '../../channel/security.js';
import { zstdSet } from '../../codec/zstd/load.js';
import { createPageSender } from '../../engine/live/create-page-sender.js';
import type { PageSender } from '../../engine/live/page-sender.js';
import { PageferryError } from '../../page/error.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { strategyByName } from '../../strategy/registry.js';
import { asError } from '../as-error.js';
import { MAIN } from '../connection.js';
import type { Advisor } from '../direct/advisor.js';
import { tryDirect } from '../direct/try-direct.js';
import { ChannelSender } from '../flow/channel-sender.js';
import { readReport } from '../flow/destination-report.js';
import type { RateShare } from '../flow/rate-limiter.js';
import type { StreamProgress } from '../flow/stream-progress.js';
import { Forecaster, type ForecasterOptions } from '../forecast/forecaster.js';
import { IS_ON_DESTINATION, RUNS_ON_SOURCE } from '../guest-state.js';
import { uuidOfStream } from '../guest-uuid.js';
import { endAfterHandOver, MAY_RUN } from '../hand-over.js';
import { MigrationLifetime } from '../lifetime.js';
import { type MessageLog, messageLog } from '../log.js';
import { migrateBytes, readAccept } from '../messages.js';
import type { MeteredMigration } from '../metrics.js';
import { RoundStats } from '../round-stats.js';
import { AdditionalConnections, type AgreedMigration } from './additional-connections.js';
import type { ConnectionKind } from './classify.js';
import { SourceConnections } from './connections.js';
import { DestinationFrames } from './destination-frames.js';
import type { SourceAgentOptions } from './options.js';
import { QemuInput } from './qemu-input.js';
import { SourceStream } from './source-stream.js';
import { summary } from './summary.js';

const BATCH_PAGES = 512;
/** The head of QEMU's stream comes within this time, and so does the end of a closed connection. */
const HEAD_BYTES = 512;
const HEAD_MS = 300;
const PROBE_MS = 300;
/** Pages in the fingerprint index, besides those of a base image. */
const INDEX_PAGES = 1 << 18;

/** One migration, from QEMU's first connection until its end. */
export class SourceSession {
  private readonly lifetime = new MigrationLifetime();
  private readonly metered: MeteredMigration;
  private readonly log: MessageLog;
  private readonly connections: SourceConnections;
  private readonly additional: AdditionalConnections;
  private readonly destinationFrames: DestinationFrames;
  private readonly agreed: Promise<AgreedMigration>;
  private agree!: (agreed: AgreedMigration) => void;
  private stream: SourceStream | undefined;
  /** Why the migration failed, and where the guest is. */
  endMessage: string | undefined;
  /** Everything is sent: the destination's QEMU has to end the migration. */
  isSent = false;
  /** QEMU migrates the guest directly. */
  private isDirect = false;
  private readonly input: QemuInput;
  /** The guest's UUID, where QEMU has stated it. */
  uuid: string | undefined;

  constructor(
    private readonly options: SourceAgentOptions & {
      readonly share: RateShare | undefined;
      readonly advisor: Advisor | undefined;
    },
    private readonly number: number,
    main: Socket,
  ) {
    this.metered = options.meters.begin();
    this.log = messageLog(options.log, number);
    this.input = new QemuInput(main);
    this.connections = new SourceConnections(main, channelTimes(options.peer).stallMs, this.lifetime);
    this.agreed = new Promise((resolve, reject) => {
      this.agree = resolve;
      const { signal } = this.lifetime;
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    this.agreed.catch(() => {});
    this.additional = new AdditionalConnections(this.connections, this.lifetime, this.agreed);
    this.destinationFrames = new DestinationFrames(this.connections, this.lifetime);
  }

  /** Run the migration to its end. Return why it failed, if it did. */
  async run(): Promise<PageferryError | undefined> {
    this.log('info', 'QEMU connected: a migration begins');
    let error: PageferryError | undefined;
    try {
      if (!(await this.tryDirect())) await this.migrate();
      this.log('info', IS_ON_DESTINATION);
    } catch (cause) {
      error = this.lifetime.fail(cause);
      // A failure of a direct migration states where the guest is, whatever ended the session first.
      const message = this.isDirect ? asError(cause).message : `${error.message}; ${this.stateAfter(error)}`;
      this.log('error', `failed: ${message}`);
      this.endMessage = message;
    }
    this.metered.end(error ? 'failed' : 'completed');
    await this.lifetime.end();
    return error;
  }

  /**
   * QEMU has closed its main connection, or the migration has failed: a new connection belongs to another
   * attempt.
   */
  get isOver(): boolean {
    return this.lifetime.signal.aborted || this.input.isClosed;
  }

  /** The source's QEMU may switch to post-copy. */
  get advisesPostcopy(): boolean {
    return this.stream?.advisesPostcopy ?? false;
  }

  /** Wait with the digest until it is known whether a new connection belongs to this migration. */
  hold(decided: Promise<unknown>): void {
    this.additional.hold(decided);
  }

  /**
   * Read ahead to see whether QEMU has closed its main connection in the middle of the stream. A whole stream
   * may still be in this host's buffers: without a return path, QEMU does not wait for the destination.
   */
  async isCancelled(): Promise<boolean> {
    await this.input.probe(PROBE_MS, this.lifetime.signal);
    return this.isCut;
  }

  /** QEMU has closed its main connection in the middle of the stream. */
  get isCut(): boolean {
    return this.input.isClosed && !this.input.mayBeWhole;
  }

  /**
   * Add another connection of QEMU: of multifd, or postcopy's preempt channel. `onNewAttempt` is called where
   * it is the main connection of another attempt.
   */
  add(socket: Socket, kind: ConnectionKind['kind'], onNewAttempt: () => void): void {
    this.log('info', `QEMU opened another connection (${kind})`);
    this.additional.add(socket, kind, onNewAttempt);
  }

  stop(reason: string): void {
    this.lifetime.fail(new PageferryError('io', reason));
  }

  /** Stop the migration; one that hands the guest over may end first. */
  stopSafely(reason: string): void {
    const end = () => this.stop(reason);
    if (this.stream?.isHandingOver) endAfterHandOver(this.lifetime, this.log, end);
    else end();
  }

  /** Where the guest is after a failure. */
  private stateAfter(error: PageferryError): string {
    // A destination that has failed knows whether its QEMU may run the guest.
    const isExcluded =
      this.destinationFrames.isRejected ||
      (error instanceof ReportedError && !error.message.includes(MAY_RUN));
    return this.stream?.guestState(this.destinationFrames, !isExcluded) ?? RUNS_ON_SOURCE;
  }

  /** Return whether QEMU has migrated the guest directly. A failure of that states where the guest is. */
  private async tryDirect(): Promise<boolean> {
    const { advisor, qmp, peer } = this.options;
    if (!advisor || !qmp) return false;
    this.isDirect = true;
    const isDone = await tryDirect({
      ...{ advisor, peer, qmp: qmp.address, isStarted: true, signal: this.lifetime.signal },
      observe: (sample) => this.metered.observe(sample),
      log: this.log,
    });
    this.isDirect = isDone;
    return isDone;
  }

  private async migrate(): Promise<void> {
    const { peer, threads, share, maxGuestBytes } = this.options;
    const { signal } = this.lifetime;
    const channel = await connectChannel({ ...peer, signal });
    this.lifetime.attachChannel(channel);
    const cacheBytes = await this.announce(channel);
    const channelSender = new ChannelSender(channel, signal, threads, zstdSet(), share);
    const sender = await this.openPageSender(channel, channelSender.progress, cacheBytes);
    try {
      const { stats, forecaster } = this.meter(channelSender);
      const stream = new SourceStream({
        ...{ channel: channelSender, sender, batchPages: BATCH_PAGES, maxGuestBytes, stats, signal },
        log: this.log,
        gate: this.additional.gate,
        channelsKnown: () => this.additional.known(),
        beforeDigest: () => this.additional.decided(),
        onFailure: (cause) => this.lifetime.fail(cause),
      });
      this.stream = stream;
      const { buildsPackets } = readReport(channel.lastReport ?? new Uint8Array(0));
      await this.sendAll(channel, { channel: channelSender, stream, stats, buildsPackets });
      await forecaster.reported();
    } finally {
      await sender.close();
    }
  }

  /** Announce the migration. Return the bytes of sent pages that both agents cache. */
  private async announce(channel: FrameChannel): Promise<number> {
    const { peer, base, cacheBytes } = this.options;
    this.uuid ??= uuidOfStream(await this.input.head(HEAD_BYTES, HEAD_MS, this.lifetime.signal));
    // The body of a keepalive, which earlier versions ignore.
    if (this.uuid !== undefined) channel.report(Buffer.from(this.uuid.replaceAll('-', ''), 'hex'));
    const announced = { sessionId: channel.session!.peerId, cacheBytes, base: base?.digest };
    await channel.send(FRAME.MIGRATE, migrateBytes(announced));
    const accept = await expectAnswer(channel, FRAME.ACCEPT, 'it did not accept the migration', peer);
    return Math.min(readAccept(accept, channel.peer), cacheBytes);
  }

  private openPageSender(
    channel: FrameChannel,
    { state, pending }: StreamProgress,
    cacheBytes: number,
  ): Promise<PageSender> {
    const { base, threads, strategy } = this.options;
    return createPageSender({
      pageBytes: TARGET_PAGE_BYTES,
      strategy: strategyByName(strategy),
      dedup: 'similar',
      ...{ state, cacheBytes, threads, batchPages: BATCH_PAGES, onPending: pending },
      indexPages: INDEX_PAGES + (base?.pages ?? 0),
      ...(base && { base }),
      // Nothing else notices the end of the channel while a base image is read.
      signal: AbortSignal.any([this.lifetime.signal, channel.signal]),
    });
  }

  /** Count what is sent by rounds, forecast the end from it, and have the metrics read both. */
  private meter(channelSender: ChannelSender): { stats: RoundStats; forecaster: Forecaster } {
    const { window } = channelSender;
    const link = () => ({ bitsPerSecond: channelSender.bitsPerSecond, inFlightBytes: window.inFlightBytes });
    const counts = () => ({ pages: stats.pages, codecs: stats.codecs, wireBytes: window.sentBytes });
    const forecaster = this.createForecaster(counts);
    const stats = new RoundStats(this.number, link, forecaster.addRound);
    this.metered.observe(() => {
      const { streamBytes } = stats;
      return { ...counts(), streamBytes, link: link(), forecast: forecaster.latest };
    });
    return { stats, forecaster };
  }

  private createForecaster(counts: ForecasterOptions['counts']): Forecaster {
    const { log, qmp, cacheBytes, onRound } = this.options;
    return new Forecaster({
      ...{ counts, qmp, cacheBytes, signal: this.lifetime.signal },
      guestPages: () => this.stream?.guestPages ?? 0,
      isOver: () => this.connections.main.readableEnded,
      log: (level, message, forecast) =>
        log({ level, migration: this.number, message, ...(forecast && { forecast }) }),
      onRound: (line) => onRound?.(line),
    });
  }

  private async sendAll(channel: FrameChannel, agreed: AgreedMigration): Promise<void> {
    const { stream, stats } = agreed;
    const done = this.destinationFrames.read(channel, agreed.channel);
    // Whatever ends the channel ends this side too, even while nothing is sent.
    done.catch((cause) => this.lifetime.fail(cause));
    this.agree(agreed);
    // The connection stays open: QEMU may still read its return path.
    for await (const bytes of this.input) await stream.push(bytes);
    if (this.lifetime.failure) throw this.lifetime.failure;
    const brokeOff = stream.finish();
    if (brokeOff !== undefined)
      throw new PageferryError(
        'io',
        `QEMU closed the connection ${brokeOff}: it was cancelled or failed; see its log`,
      );
    await stream.drained();
    stats.endRound();
    await this.additional.ended();
    // The end of the main connection is the end of the migration: nothing may follow it.
    await agreed.channel.send(MAIN, FRAME.ENDED, Uint8Array.of(MAIN));
    this.isSent = true;
    await done;
    this.destinationFrames.checkReturnPath();
    this.log('info', summary(stats, agreed.channel.window.sentBytes));
  }
}
