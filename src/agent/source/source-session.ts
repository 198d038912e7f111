import type { Socket } from 'node:net';
import { type ConnectOptions, connectChannel } from '../../channel/connect.js';
import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { channelTimes } from '../../channel/security.js';
import type { Address } from '../../channel/transports/address.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { createPageSender } from '../../engine/live/create-page-sender.js';
import type { PageSender } from '../../engine/live/page-sender.js';
import { PageferryError } from '../../page/error.js';
import { QemuReturnReader } from '../../qemu/return-path.js';
import { strategyByName } from '../../strategy/registry.js';
import { asError } from '../as-error.js';
import type { BaseImageFile } from '../base-image.js';
import { ChannelFlow, MAIN } from '../flow/channel-flow.js';
import type { Log } from '../log.js';
import { migrateBytes, readNumber, readTaken } from '../messages.js';
import type { AgentMetrics } from '../metrics.js';
import { type RoundLine, RoundStats } from '../stats.js';
import { SourceConnections } from './connections.js';
import { SourceStream, STAYS } from './source-stream.js';

const PAGE_BYTES = 4096;
const BATCH_PAGES = 512;
const INDEX_PAGES = 1 << 18;

/** What the agent beside the QEMU that a guest leaves is given. */
export interface SourceAgentOptions {
  /** Where QEMU connects to. */
  readonly listen: Address;
  /** The other agent. */
  readonly peer: ConnectOptions;
  readonly strategy: string;
  readonly threads: number;
  /** Memory for pages as they were sent, in bytes. */
  readonly cacheBytes: number;
  readonly base?: BaseImageFile | undefined;
  readonly log: Log;
  readonly round?: (line: RoundLine) => void;
  readonly meters: AgentMetrics;
  /** Hears of every migration that ended, and how. */
  readonly ended?: (error: PageferryError | undefined) => void;
}

/** One migration, from QEMU's first connection until its end. */
export class SourceSession {
  private readonly connections: SourceConnections;
  private readonly abort = new AbortController();
  private channel: FrameChannel | undefined;
  private stats: RoundStats | undefined;
  /** The two agents have agreed, and bytes can be passed. */
  private readonly begun: Promise<{ flow: ChannelFlow; stream: SourceStream }>;
  private begin!: (begun: { flow: ChannelFlow; stream: SourceStream }) => void;
  private opening: Promise<void> = Promise.resolve();
  /** What becomes of the other connections. */
  private readonly others: Promise<void>[] = [];
  private stream: SourceStream | undefined;
  /** What the destination's QEMU said at its end; Infinity: it has a return path, and did not say it yet. */
  private shut: number | undefined;
  private readonly answers = new QemuReturnReader({
    onMessage: () => {
      this.shut ??= Infinity;
    },
    onShut: (error) => {
      this.shut = error;
    },
  });

  constructor(
    private readonly options: SourceAgentOptions,
    private readonly number: number,
    main: Socket,
  ) {
    this.connections = new SourceConnections(main, channelTimes(options.peer).stallMs);
    this.begun = new Promise((resolve) => {
      this.begin = resolve;
    });
  }

  /** Returns why it failed, if it did. */
  async run(): Promise<PageferryError | undefined> {
    const { meters } = this.options;
    meters.active++;
    this.log('info', 'QEMU has connected: a migration begins');
    let error: PageferryError | undefined;
    try {
      await this.migrate();
      meters.completed++;
      this.log('info', 'the destination has taken the guest over');
    } catch (cause) {
      error = this.channel ? this.channel.fail(cause) : asError(cause);
      meters.failed++;
      this.log('error', `failed: ${error.message}; ${this.stream?.fate(this.shut !== undefined) ?? STAYS}`);
    }
    this.connections.destroy();
    await this.channel?.close();
    meters.active--;
    return error;
  }

  /** QEMU opened one more connection: multifd, or the preempt channel of postcopy. Neither is read. */
  another(socket: Socket): void {
    const number = this.connections.add(socket);
    if (number === undefined) return;
    this.log('warn', 'QEMU opened another connection (multifd or preempt): bytes are passed on unread');
    const pass = async () => {
      const { flow, stream } = await this.begun;
      // In QEMU's order, even where several opened at once.
      const before = this.opening;
      let opened!: () => void;
      this.opening = new Promise((resolve) => {
        opened = resolve;
      });
      await before;
      await stream.giveUp('QEMU uses more than one connection');
      await stream.drained();
      await flow.sendFor(number, FRAME.OPENED, [Uint8Array.of(number)]);
      opened();
      for await (const bytes of socket as AsyncIterable<Uint8Array>) {
        this.stats!.bytesIn += bytes.length;
        await flow.sendLiteral(number, bytes);
      }
      await flow.sendFor(number, FRAME.ENDED, [Uint8Array.of(number)]);
    };
    const passed = pass();
    this.others.push(passed);
    passed.catch((cause) => this.channel?.fail(asError(cause)));
  }

  /** QEMU's connection is closed: whatever it opens now is of another attempt. */
  get isOver(): boolean {
    const { main } = this.connections;
    return main.destroyed || main.readableEnded;
  }

  stop(reason: string): void {
    this.channel?.fail(new PageferryError('io', reason));
    this.abort.abort(reason);
  }

  private async migrate(): Promise<void> {
    const { peer, base, cacheBytes, threads, strategy } = this.options;
    const { main } = this.connections;
    this.channel = await connectChannel({ ...peer, signal: this.abort.signal });
    const { channel } = this;
    // Whatever ends the channel ends QEMU's side at once.
    channel.closed.then(() => main.destroy());
    await channel.send(
      FRAME.MIGRATE,
      migrateBytes({ answers: channel.session!.peerId, cacheBytes, base: base?.digest }),
    );
    const agreed = readNumber(await channel.expect(FRAME.ACCEPT), `${channel.peer}: accepted`);
    const zstd = await loadZstd();
    const flow = new ChannelFlow(channel, threads, zstd);
    const sender = await createPageSender({
      pageBytes: PAGE_BYTES,
      strategy: strategyByName(strategy),
      state: flow.planned.state,
      dedup: 'similar',
      cacheBytes: Math.min(agreed, cacheBytes),
      batchPages: BATCH_PAGES,
      indexPages: INDEX_PAGES + (base?.pages ?? 0),
      threads,
      onPending: flow.planned.pending,
      ...(base && { base }),
    });
    try {
      await this.pass(main, flow, sender);
    } finally {
      await sender.close();
    }
  }

  private async pass(main: Socket, flow: ChannelFlow, sender: PageSender): Promise<void> {
    const link = () => ({ bitsPerSecond: flow.meter.bitsPerSecond, queueBytes: flow.underWay });
    const stats = new RoundStats(this.number, link, (line) => this.options.round?.(line));
    this.stats = stats;
    const stream = new SourceStream(flow, sender, BATCH_PAGES, {
      log: (level, message) => this.log(level, message),
      stats,
    });
    this.stream = stream;
    this.begin({ flow, stream });
    const back = this.back(flow);
    back.catch(() => {}); // Heard of below.
    this.options.meters.watch(() => ({ ...stats, link: link(), sentBytes: flow.sentBytes }));
    // Whoever has said all may still want to hear the answer.
    for await (const bytes of main.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      await stream.push(bytes);
      this.channel!.check();
    }
    this.channel!.check();
    const unfinished = stream.finish();
    if (unfinished !== undefined)
      throw new PageferryError(
        'io',
        `QEMU closed the connection ${unfinished}: cancelled, or it failed; see its log`,
      );
    await stream.drained();
    stats.close();
    // The main connection's end is the migration's: nothing may come after it.
    await Promise.all(this.others);
    await flow.sendOne(FRAME.ENDED, Uint8Array.of(MAIN));
    await back;
    // Without a return path QEMU never hears how it went, and nor does anybody.
    if (this.shut !== undefined && this.shut !== 0)
      throw new PageferryError(
        'io',
        `the destination's QEMU gave the guest up: ${this.shut === Infinity ? 'it closed its return path' : `error ${this.shut}`}`,
      );
    const saved = stats.bytesIn > 0 ? (100 * (1 - flow.sentBytes / stats.bytesIn)).toFixed(0) : '0';
    this.log(
      'info',
      `${stats.bytesIn} bytes of QEMU's in ${flow.sentBytes}: ${saved} % less, ${stats.rounds} rounds`,
    );
  }

  /** What the destination says: how far it is, and what its QEMU answers. Returns when it has taken the guest over. */
  private async back(flow: ChannelFlow): Promise<void> {
    const channel = this.channel!;
    for (;;) {
      const frame = await channel.receive();
      if (!frame)
        throw new PageferryError(
          'io',
          `${channel.peer}: closed the channel before it had taken the guest over`,
        );
      if (frame.type === FRAME.COMMITTED) return;
      if (frame.type === FRAME.ACK) {
        const { connection, idle, bytes } = readTaken(frame.body);
        flow.taken(connection, bytes, idle);
      } else if (frame.type === FRAME.RETURN_PATH) await this.answer(frame.body);
      else if (frame.type === FRAME.CLOSED) this.closedThere(frame.body[0] ?? 0);
      else throw channel.unexpected(frame, FRAME.ACK);
    }
  }

  private async answer(body: Uint8Array): Promise<void> {
    if (body[0] === MAIN) this.answers.push(body.subarray(1));
    await this.connections.answer(body[0], body.subarray(1));
  }

  /** The destination's QEMU has closed a connection. */
  private closedThere(number: number): void {
    this.connections.closedThere(number, () =>
      this.channel?.fail(
        new PageferryError('io', 'the destination’s QEMU closed the connection before this one was done'),
      ),
    );
  }

  private log(level: 'info' | 'warn' | 'error', message: string): void {
    this.options.log({ level, session: this.number, message });
  }
}
