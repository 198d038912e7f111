import type { Socket } from 'node:net';
import { FRAME } from '../../channel/frame.js';
import { isSync } from '../../qemu/multifd.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { RoundStats } from '../round-stats.js';
import { PacketInput } from './packet-input.js';
import type { SyncGate } from './sync-gate.js';

/** Parts of a migration that a channel of multifd uses. */
export interface PacketChannelOptions {
  readonly connection: number;
  readonly socket: Socket;
  readonly channel: ChannelSender;
  readonly stats: RoundStats;
  readonly gate: SyncGate;
  readonly signal: AbortSignal;
  /** Send that the connection was opened, with the first bytes that it carries. */
  readonly sendOpened: (init: Uint8Array) => Promise<void>;
  /** Send a packet in the order of all pages; return why it cannot be encoded, if it cannot. */
  readonly addPacket: (connection: number, bytes: Uint8Array) => Promise<string | undefined>;
  /** Resolve when all packets so far are sent. */
  readonly sentSoFar: () => Promise<void>;
  /** Called when the channel passes through from here on. */
  readonly onPassThrough: (reason: string) => void;
}

/**
 * One channel of multifd at the source: its packets are encoded with the pages of all connections, in one
 * order. From the first one that cannot be encoded on, its bytes pass through.
 */
export class PacketChannel {
  private readonly input = new PacketInput();
  private readonly head: Uint8Array;
  private isCoded = true;

  constructor(private readonly options: PacketChannelOptions) {
    this.head = Uint8Array.of(options.connection);
  }

  /** Send everything that the channel carries. Resolve at its end. */
  async run(): Promise<void> {
    const { socket, stats, channel, connection } = this.options;
    for await (const piece of socket as AsyncIterable<Uint8Array>) {
      stats.streamBytes += piece.length;
      const at = this.isCoded ? await this.collect(piece) : 0;
      if (at < piece.length) await channel.sendLiteral(connection, piece.subarray(at));
    }
    if (this.isCoded) await this.end();
    await channel.send(connection, FRAME.ENDED, this.head);
  }

  /** Send the whole packets of a piece. Return the offset of the first byte that passes through. */
  private async collect(piece: Uint8Array): Promise<number> {
    const { input } = this;
    for (let at = 0; at < piece.length; ) {
      at = input.fill(piece, at);
      if (!input.isWhole && input.problem === undefined) break;
      const problem = await this.sendCollected();
      if (problem !== undefined) {
        await this.passThrough(problem);
        return at;
      }
    }
    return piece.length;
  }

  /** Send what is collected, unless it cannot be encoded; return the reason then. */
  private async sendCollected(): Promise<string | undefined> {
    const { input } = this;
    const { problem } = input;
    if (input.isInit) await this.options.sendOpened(input.bytes.slice());
    else {
      const found = problem ?? (await this.sendPacket());
      if (found !== undefined) return found;
    }
    input.clear();
    return problem;
  }

  private async sendPacket(): Promise<string | undefined> {
    const { input } = this;
    const { gate, connection, signal, addPacket } = this.options;
    await gate.channelMayPass(connection, signal);
    const problem = await addPacket(connection, input.bytes);
    if (problem === undefined && isSync(input.bytes)) gate.synced(connection);
    return problem;
  }

  /**
   * Pass through what is collected, and everything after it. The main stream goes on only then: until the
   * receiver has these bytes, it may leave the main stream unread.
   */
  private async passThrough(reason: string): Promise<void> {
    const { channel, connection, gate, sentSoFar, onPassThrough } = this.options;
    this.isCoded = false;
    await sentSoFar();
    await channel.sendLiteral(connection, this.input.bytes);
    gate.leave(connection);
    onPassThrough(reason);
  }

  /** The end of the channel; after part of a packet, the receiver has to see that part. */
  private async end(): Promise<void> {
    const { channel, connection, gate, sentSoFar, sendOpened } = this.options;
    await sentSoFar();
    if (this.input.isInit) await sendOpened(this.input.bytes);
    else if (this.input.bytes.length > 0) await channel.sendLiteral(connection, this.input.bytes);
    gate.leave(connection);
  }
}
