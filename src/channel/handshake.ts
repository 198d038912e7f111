import { randomBytes } from 'node:crypto';
import { digestText } from '../dedup/image-digest.js';
import { PageferryError } from '../page/error.js';
import { withTimeout } from '../page/sync.js';
import { FRAME } from './frame.js';
import type { FrameChannel } from './frame-channel.js';
import { decodeHandshake, encodeHandshake, SESSION_ID_BYTES } from './handshake-messages.js';
import type { ChannelTimes } from './security.js';

const NO_SESSION = new Uint8Array(SESSION_ID_BYTES);

/**
 * Exchange versions, roles and session ids, as the host that connects. @throws PageferryError why the hosts
 * do not match
 */
export function handshakeAsSource(channel: FrameChannel, times: ChannelTimes): Promise<void> {
  const { stallMs } = times;
  return withinHandshakeTime(channel, times, async (ownId) => {
    await channel.send(
      FRAME.HANDSHAKE,
      encodeHandshake({ role: 'source', stallMs, sessionId: ownId, peerSessionId: NO_SESSION }),
    );
    const body = await channel.expect(FRAME.HANDSHAKE_REPLY);
    const reply = decodeHandshake(body, 'destination', channel.peer);
    checkSessionId(channel, reply.peerSessionId, ownId);
    channel.session = { ownId, peerId: reply.sessionId };
    channel.keepAlive(reply.stallMs);
  });
}

/**
 * Exchange versions, roles and session ids, as the host that listens. @throws PageferryError why the hosts do
 * not match
 */
export function handshakeAsDestination(channel: FrameChannel, times: ChannelTimes): Promise<void> {
  const { stallMs } = times;
  return withinHandshakeTime(channel, times, async (ownId) => {
    const body = await channel.expect(FRAME.HANDSHAKE);
    const { sessionId: peerId, stallMs: peerStallMs } = decodeHandshake(body, 'source', channel.peer);
    channel.session = { ownId, peerId };
    await channel.send(
      FRAME.HANDSHAKE_REPLY,
      encodeHandshake({ role: 'destination', stallMs, sessionId: ownId, peerSessionId: peerId }),
    );
    channel.keepAlive(peerStallMs);
  });
}

/**
 * Check that a frame belongs to this session. @throws PageferryError `bad-stream` if it was recorded from
 * another one
 */
export function checkSessionId(channel: FrameChannel, found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) === 0) return;
  throw new PageferryError(
    'bad-stream',
    `${channel.peer}: a frame of session ${digestText(found)}, this one is ${digestText(expected)}: replayed`,
  );
}

async function withinHandshakeTime(
  channel: FrameChannel,
  { handshakeMs }: ChannelTimes,
  exchange: (ownId: Uint8Array) => Promise<void>,
): Promise<void> {
  const late = () => new PageferryError('io', `${channel.peer}: no handshake within ${handshakeMs} ms`);
  try {
    await withTimeout(handshakeMs, late, () => exchange(randomBytes(SESSION_ID_BYTES)));
  } catch (cause) {
    throw channel.fail(cause, FRAME.REFUSE);
  }
}
