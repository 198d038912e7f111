import { PageferryError } from '../page/error.js';
import { withTimeout } from '../page/sync.js';
import type { FrameType } from './frame.js';
import type { FrameChannel } from './frame-channel.js';
import { type ChannelOptions, channelTimes } from './security.js';

/** Stall times to wait for an answer: the peer may need its QEMU, which has 10 s for each command. */
const STALLS = 2;

/**
 * Return the body of the next frame, of this type, as `FrameChannel.expect` does, or throw if it does not
 * come in time: a peer that sends keepalives may still not answer. `missing` names the answer: "it did not
 * accept the migration". @throws PageferryError
 */
export function expectAnswer(
  channel: FrameChannel,
  type: FrameType,
  missing: string,
  options: Pick<ChannelOptions, 'stallMs'>,
): Promise<Uint8Array> {
  const ms = STALLS * channelTimes(options).stallMs;
  const late = () => new PageferryError('io', `${channel.peer}: ${missing} within ${ms} ms; see its log`);
  return withTimeout(ms, late, () => channel.expect(type));
}
