import type { Channel } from '../../channel/channel.js';
import { FrameChannel } from '../../channel/frame-channel.js';
import { badArgument } from '../../page/error.js';

const inUse = new WeakSet<FrameChannel>();

/**
 * Run a task that sends or receives one guest over a channel. @throws PageferryError `bad-argument` if
 * another one is running
 */
export async function withChannel<T>(
  channel: Channel,
  task: (frames: FrameChannel) => Promise<T>,
): Promise<T> {
  if (!(channel instanceof FrameChannel))
    throw badArgument('channel: expected one from connectChannel or listenForChannels');
  if (inUse.has(channel)) throw badArgument(`${channel.peer}: the channel is used by another call`);
  inUse.add(channel);
  try {
    return await task(channel);
  } finally {
    inUse.delete(channel);
  }
}
