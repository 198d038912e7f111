import type { Socket } from 'node:net';
import { type ChannelFrame, FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { checkSessionId } from '../../channel/handshake.js';
import { type ChannelListener, type ListenOptions, listenForChannels } from '../../channel/listen.js';
import { channelTimes } from '../../channel/security.js';
import { type Address, addressText, connectTo } from '../../channel/transports/address.js';
import { digestText } from '../../dedup/image-digest.js';
import { PageferryError } from '../../page/error.js';
import { BusyFraction } from '../../strategy/busy-fraction.js';
import { asError } from '../as-error.js';
import type { BaseImageFile } from '../base-image.js';
import { mustBeSameBase } from '../base-image-check.js';
import type { Log } from '../log.js';
import { numberBytes, readMigrate, takenBytes } from '../messages.js';
import type { AgentMetrics } from '../metrics.js';
import { SocketWriter } from '../socket-writer.js';
import { DestinationStream } from './destination-stream.js';

/** Answers of QEMU travel in pieces of this size. */
const RETURN_BYTES = 1 << 16;
/** The source hears how far this side is whenever so much more was taken. */
const TELL_BYTES = 32 << 10;

/** Frames that name a connection of QEMU's. */
const CONNECTION: ReadonlySet<number> = new Set([FRAME.LITERAL, FRAME.OPENED, FRAME.ENDED]);

/** A connection of QEMU's: what is still to be written to it, in order, and how much of it was taken, and said to be. */
interface Lane {
  readonly socket: Socket;
  readonly outlet: SocketWriter;
  tail: Promise<void>;
  taken: number;
  told: number;
}

/** What the agent beside the QEMU that a guest comes to is given. */
export interface DestinationAgentOptions {
  readonly listen: Omit<ListenOptions, 'onChannel' | 'onRefused'>;
  /** Where QEMU waits for a guest (`-incoming`). */
  readonly qemu: Address;
  /** Memory for pages as they came, in bytes: what a source may ask for at most. */
  readonly cacheBytes: number;
  readonly base?: BaseImageFile | undefined;
  readonly log: Log;
  readonly meters: AgentMetrics;
  readonly ended?: (error: PageferryError | undefined) => void;
}

/** Listens for other agents, and hands what they send to QEMU; one migration at a time. */
export async function startDestinationAgent(
  options: DestinationAgentOptions,
): Promise<ChannelListener & { stop(): Promise<void> }> {
  const { log, listen } = options;
  let count = 0;
  let current: Promise<void> | undefined;
  const channels = new Set<FrameChannel>();
  const listener = await listenForChannels({
    ...listen,
    onRefused: (error) => log({ level: 'warn', session: 0, message: `refused: ${error.message}` }),
    onChannel(channel) {
      if (current) {
        channel.fail(new PageferryError('limit', 'another migration is under way here'), FRAME.REFUSE);
        return;
      }
      channels.add(channel);
      const session = new DestinationSession(options, ++count, channel);
      current = session.run().then((error) => {
        channels.delete(channel);
        current = undefined;
        options.ended?.(error);
      });
    },
  });
  log({
    level: 'info',
    session: 0,
    message: `waits for a source at port ${listener.port}, QEMU is at ${addressText(options.qemu)}`,
  });
  return {
    ...listener,
    async stop() {
      listener.close();
      for (const channel of channels) channel.fail(new PageferryError('io', 'the agent was stopped'));
      await current;
    },
  };
}

/** One migration, from the channel's begin until QEMU has the guest. */
class DestinationSession {
  private readonly lanes: Lane[] = [];
  /** Connections that QEMU has to close after the source's did. */
  private readonly closings: Promise<void>[] = [];
  private isEnded = false;
  private stream: DestinationStream | undefined;
  private takenBytes = 0;
  /** How long there is nothing to do. */
  private readonly idle = new BusyFraction(performance.now());

  constructor(
    private readonly options: DestinationAgentOptions,
    private readonly number: number,
    private readonly channel: FrameChannel,
  ) {}

  async run(): Promise<PageferryError | undefined> {
    const { channel } = this;
    const { meters } = this.options;
    meters.active++;
    let error: PageferryError | undefined;
    try {
      await this.receive();
      meters.completed++;
      this.log('info', 'QEMU has taken the guest over');
    } catch (cause) {
      error = channel.fail(asError(cause), this.lanes.length === 0 ? FRAME.REFUSE : FRAME.FAILED);
      meters.failed++;
      this.log('error', `failed: ${error.message}`);
    }
    // QEMU gives up a guest whose stream breaks off.
    for (const { socket } of this.lanes) socket.destroy();
    await channel.close();
    meters.active--;
    return error;
  }

  private async receive(): Promise<void> {
    const { channel, options } = this;
    const { answers, cacheBytes, base } = readMigrate(await channel.expect(FRAME.MIGRATE));
    checkSessionId(channel, answers, channel.session!.ownId);
    mustBeSameBase(base, options.base?.digest);
    const agreed = Math.min(cacheBytes, options.cacheBytes);
    await this.open(0);
    const stream = await DestinationStream.open(agreed, options.base, (bytes, written) =>
      this.toQemu(0, bytes, written),
    );
    this.stream = stream;
    await channel.send(FRAME.ACCEPT, numberBytes(agreed));
    const who = channel.identities.join(', ') || 'nobody proved';
    this.log('info', `a migration from ${channel.peer} (${who}) begins`);
    options.meters.watch(() => stream.view(this.takenBytes));
    while (!this.isEnded) {
      this.idle.set(performance.now(), true);
      const frame = await channel.receive();
      this.idle.set(performance.now(), false);
      if (!frame)
        throw new PageferryError('io', `${channel.peer}: closed the channel in the middle of a migration`);
      if (CONNECTION.has(frame.type)) await this.connection(frame, stream);
      else {
        await stream.take(channel, frame);
        if (frame.type === FRAME.PASS_THROUGH)
          this.log('warn', `passed on unread from here on: ${stream.unread}`);
        if (frame.type === FRAME.END)
          this.log('info', `all memory is here, and proved: digest ${digestText(stream.digest!)}`);
        await this.taken(0, frame.body.length);
      }
    }
    await Promise.all(this.closings);
    if (!stream.isProved)
      this.log(
        'warn',
        `the guest was passed on, but its memory was not proved: ${stream.unread ?? 'it was not read'}`,
      );
    await channel.send(FRAME.COMMITTED);
  }

  /** Something of one of QEMU's connections. */
  private async connection({ type, body }: ChannelFrame, stream: DestinationStream): Promise<void> {
    const number = body[0];
    if (number === undefined) throw new PageferryError('bad-stream', 'a frame of no connection');
    if (type === FRAME.OPENED) {
      if (number !== this.lanes.length)
        throw new PageferryError('bad-stream', `connection ${number} where ${this.lanes.length} is next`);
      await this.open(number);
    }
    const lane = this.lanes[number];
    if (!lane) throw new PageferryError('bad-stream', `connection ${number} is not open`);
    const work = async () => {
      if (type === FRAME.LITERAL && number === 0) await stream.literal(body.subarray(1));
      else if (type === FRAME.LITERAL) await this.toQemu(number, body.subarray(1));
      else if (type === FRAME.ENDED) {
        await lane.outlet.drained();
        lane.socket.end();
      }
      await this.taken(number, body.length);
    };
    // QEMU may read one connection only once another one has brought something: then none may wait for another.
    lane.tail = lane.tail.then(work);
    lane.tail.catch((cause) => this.channel.fail(asError(cause)));
    if (this.lanes.length === 1 || type === FRAME.ENDED) await lane.tail;
    if (type === FRAME.ENDED && number === 0) this.isEnded = true;
  }

  /** Connects to QEMU, and passes its answers back. */
  private async open(number: number): Promise<void> {
    const socket = await connectTo(this.options.qemu, 'QEMU');
    const outlet = new SocketWriter(
      socket,
      channelTimes(this.options.listen).stallMs,
      "the destination's QEMU",
    );
    this.lanes.push({ socket, outlet, tail: Promise.resolve(), taken: 0, told: 0 });
    const answers = async () => {
      for await (const bytes of socket as AsyncIterable<Uint8Array>)
        for (let at = 0; at < bytes.length; at += RETURN_BYTES)
          await this.channel.send(
            FRAME.RETURN_PATH,
            Uint8Array.of(number),
            bytes.subarray(at, at + RETURN_BYTES),
          );
    };
    const closed = answers().then(
      () => this.closedByQemu(number),
      (cause) => this.closedByQemu(number, cause),
    );
    // Heard of by way of the channel.
    closed.catch(() => {});
    this.closings.push(closed);
  }

  /** Once all memory is there QEMU may close first; whether it has the guest then, its own return path says, or the source's QEMU. */
  private async closedByQemu(number: number, cause?: unknown): Promise<void> {
    if (cause === undefined && (this.isEnded || number !== 0)) return;
    if (cause === undefined && this.stream?.mayBeDone)
      return this.channel.send(FRAME.CLOSED, Uint8Array.of(number));
    throw this.refused(cause === undefined ? undefined : asError(cause).message);
  }

  private async toQemu(number: number, bytes: Uint8Array, written: () => void = () => {}): Promise<void> {
    const { socket, outlet } = this.lanes[number]!;
    if (socket.destroyed) throw this.refused();
    await outlet.write(bytes, written);
    this.channel.check();
  }

  private refused(reason = 'it refused the guest, or it was stopped; see its log'): PageferryError {
    return this.channel.fail(
      new PageferryError('io', `the destination's QEMU closed the connection: ${reason}`),
    );
  }

  /** Tells the source how much of a connection is done with. */
  private async taken(number: number, bytes: number): Promise<void> {
    const lane = this.lanes[number]!;
    lane.taken += bytes;
    this.takenBytes += bytes;
    if (lane.taken - lane.told < TELL_BYTES && this.channel.hasMore) return;
    lane.told = lane.taken;
    await this.channel.send(FRAME.ACK, takenBytes(number, this.idle.at(performance.now()), lane.taken));
  }

  private log(level: 'info' | 'warn' | 'error', message: string): void {
    this.options.log({ level, session: this.number, message });
  }
}
