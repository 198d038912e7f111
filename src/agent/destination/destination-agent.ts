import { FRAME, type FrameType } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { listenForChannels } from '../../channel/listen.js';
import { type ChannelOptions, channelTimes } from '../../channel/security.js';
import { addressText } from '../../channel/transports/address.js';
import { PageferryError } from '../../page/error.js';
import { Signal, withTimeout } from '../../page/sync.js';
import { MemoryShares } from '../memory-shares.js';
import { answerCheck } from './answer-check.js';
import { DestinationSession } from './destination-session.js';
import type { DestinationAgentOptions } from './options.js';

/**
 * A migration that was cancelled ends within this time; a QEMU that begins another one at once waits for it.
 */
const END_MS = 2000;

/** A running destination agent. */
export interface DestinationAgent {
  readonly port: number;
  /** Stop listening, end the current migration, and resolve when everything is released. */
  close(): Promise<void>;
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

/**
 * Listen for source agents and give what they send to QEMU, `maxMigrations` at a time. @throws PageferryError
 * `io`
 */
export async function startDestinationAgent(options: DestinationAgentOptions): Promise<DestinationAgent> {
  const { log, listen, maxMigrations = 1 } = options;
  const refusal =
    maxMigrations === 1
      ? 'another migration is in progress here'
      : `${maxMigrations} migrations are in progress here`;
  const memory = new MemoryShares(options.cacheBytes, maxMigrations);
  let count = 0;
  let isClosed = false;
  const sessions = new Map<DestinationSession, Promise<void>>();
  const begin = (channel: FrameChannel) => {
    options.onBegin?.();
    const cacheBytes = memory.take();
    const session = new DestinationSession({ ...options, cacheBytes }, ++count, channel);
    const running = session.run().then((error) => {
      sessions.delete(session);
      memory.release(cacheBytes);
      options.onEnd?.(error);
      ended.notify();
    });
    sessions.set(session, running);
  };
  const ended = new Signal();
  const isFull = () => [...sessions.keys()].filter(({ isOver }) => !isOver).length >= maxMigrations;
  const refused = () => new PageferryError('limit', refusal);
  /** Channels of which it is not known yet whether they migrate a guest, and those that only check. */
  const others = new Set<FrameChannel>();
  const listener = await listenForChannels({
    ...listen,
    onRefused: (error) => log({ level: 'warn', migration: 0, message: `refused: ${error.message}` }),
    async onChannel(channel) {
      others.add(channel);
      const isCheck = (await firstType(channel, listen)) === FRAME.CHECK;
      if (isCheck)
        await answerCheck(channel, options, () => sessions.size).finally(() => others.delete(channel));
      if (isCheck) return;
      // The memory of a migration is released at its very end.
      const free = (signal: AbortSignal) => ended.until(() => sessions.size < maxMigrations, signal);
      // A failure of the channel ends the wait too, and is the cause that its session reports.
      await withTimeout(END_MS, refused, free, channel.signal).catch(() => {});
      others.delete(channel);
      if (isClosed) channel.fail(new PageferryError('io', 'the agent was stopped'), FRAME.REFUSE);
      else if (isFull()) channel.fail(refused(), FRAME.REFUSE);
      else begin(channel);
    },
  });
  log({
    level: 'info',
    migration: 0,
    message: `listening for a source agent on port ${listener.port}; QEMU is at ${addressText(options.qemu)}`,
  });
  return {
    port: listener.port,
    async close() {
      isClosed = true;
      listener.close();
      for (const channel of others)
        channel.fail(new PageferryError('io', 'the agent was stopped'), FRAME.REFUSE);
      for (const session of sessions.keys()) session.stopSafely('the agent was stopped');
      await Promise.all(sessions.values());
    },
  };
}
