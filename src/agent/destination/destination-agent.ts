import { FRAME, type FrameType } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { listenForChannels } from '../../channel/listen.js';
import { type ChannelOptions, channelTimes } from '../../channel/security.js';
import { addressText } from '../../channel/transports/address.js';
import { PageferryError } from '../../page/error.js';
import { Signal, withTimeout } from '../../page/sync.js';
import { messageLog } from '../log.js';
import { MemoryShares } from '../memory-shares.js';
import { answerCheck } from './answer-check.js';
import { DestinationSession } from './destination-session.js';
import type { DestinationAgentOptions } from './options.js';

/**
 * A migration that was cancelled ends within this time; a QEMU that begins another one at once waits for it.
 */
const END_MS = 2000;
const STOPPED = 'the agent was stopped';

/** A running destination agent. */
export interface DestinationAgent {
  readonly port: number;
  /** Stop listening, end the current migration, and resolve when everything is released. */
  close(): Promise<void>;
}

/**
 * Listen for source agents and give what they send to QEMU, `maxMigrations` at a time. @throws PageferryError
 * `io`
 */
export async function startDestinationAgent(options: DestinationAgentOptions): Promise<DestinationAgent> {
  const { listen, qemu } = options;
  const log = messageLog(options.log, 0);
  const sessions = new DestinationSessions(options);
  const listener = await listenForChannels({
    ...listen,
    onRefused: (error) => log('warn', `refused: ${error.message}`),
    onChannel: (channel) => sessions.connected(channel),
  });
  log('info', `listening for a source agent on port ${listener.port}; QEMU is at ${addressText(qemu)}`);
  return {
    port: listener.port,
    async close() {
      listener.close();
      await sessions.close();
    },
  };
}

/** The migrations of one agent, and the channels that begin one or only check. */
class DestinationSessions {
  private readonly sessions = new Map<DestinationSession, Promise<void>>();
  /** Channels of which it is not known yet whether they migrate a guest, and those that only check. */
  private readonly others = new Set<FrameChannel>();
  private readonly ended = new Signal();
  private readonly maxMigrations: number;
  private readonly memory: MemoryShares;
  private count = 0;
  private isClosed = false;

  constructor(private readonly options: DestinationAgentOptions) {
    this.maxMigrations = options.maxMigrations ?? 1;
    this.memory = new MemoryShares(options.cacheBytes, this.maxMigrations);
  }

  /** Answer a check, or begin a migration. @throws PageferryError when the check fails */
  async connected(channel: FrameChannel): Promise<void> {
    const { others, options } = this;
    others.add(channel);
    const isCheck = (await firstType(channel, options.listen)) === FRAME.CHECK;
    if (isCheck)
      await answerCheck(channel, options, () => this.sessions.size).finally(() => others.delete(channel));
    if (isCheck) return;
    await this.waitForMemory(channel.signal);
    others.delete(channel);
    if (this.isClosed) channel.fail(stopped(), FRAME.REFUSE);
    else if (this.isFull) channel.fail(this.refusal(), FRAME.REFUSE);
    else this.begin(channel);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const channel of this.others) channel.fail(stopped(), FRAME.REFUSE);
    for (const session of this.sessions.keys()) session.stopSafely(STOPPED);
    await Promise.all(this.sessions.values());
  }

  private get isFull(): boolean {
    return [...this.sessions.keys()].filter(({ isOver }) => !isOver).length >= this.maxMigrations;
  }

  private refusal(): PageferryError {
    const { maxMigrations } = this;
    const found =
      maxMigrations === 1
        ? 'another migration is in progress'
        : `${maxMigrations} migrations are in progress`;
    return new PageferryError('limit', `${found} here`);
  }

  /** Wait for the very end of a migration, which releases its memory. Resolve also where none ends. */
  private async waitForMemory(signal: AbortSignal): Promise<void> {
    const free = (aborted: AbortSignal) =>
      this.ended.until(() => this.sessions.size < this.maxMigrations, aborted);
    // A failure of the channel ends the wait too, and is the cause that its session reports.
    await withTimeout(END_MS, () => this.refusal(), free, signal).catch(() => {});
  }

  private begin(channel: FrameChannel): void {
    const { options, sessions, memory } = this;
    options.onBegin?.();
    const cacheBytes = memory.take();
    const session = new DestinationSession({ ...options, cacheBytes }, ++this.count, channel);
    const running = session.run().then((error) => {
      sessions.delete(session);
      memory.release(cacheBytes);
      options.onEnd?.(error);
      this.ended.notify();
    });
    sessions.set(session, running);
  }
}

/** Return the type of a channel's first frame; a peer that sends none is refused after the stall time. */
async function firstType(channel: FrameChannel, options: ChannelOptions): Promise<FrameType | undefined> {
  const { stallMs } = channelTimes(options);
  const late = () =>
    channel.fail(
      new PageferryError('io', `${channel.peer}: neither a migration nor a check within ${stallMs} ms`),
      FRAME.REFUSE,
    );
  const timer = setTimeout(late, stallMs);
  try {
    return await channel.nextType();
  } finally {
    clearTimeout(timer);
  }
}

function stopped(): PageferryError {
  return new PageferryError('io', STOPPED);
}
