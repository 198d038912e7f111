import { randomBytes } from 'node:crypto';
import { digestText } from '../dedup/image-digest.js';
import { PageferryError } from '../page/error.js';
import { FRAME } from './frame.js';
import type { FrameChannel } from './frame-channel.js';
import { decodeHandshake, encodeHandshake, SESSION_ID_BYTES } from './handshake-messages.js';

/** How the side that connects and the side that listens greet each other: before that, nothing else is said. */
export interface Handshake {
  readonly stallMs: number;
  /** For all of it. */
  readonly handshakeMs: number;
}

/** Says what this side is, and hears what the other one is. @throws PageferryError why they do not fit */
export function handshakeAsSource(channel: FrameChannel, { stallMs, handshakeMs }: Handshake): Promise<void> {
  return greeted(channel, handshakeMs, async (own) => {
    await channel.send(
      FRAME.HANDSHAKE,
      encodeHandshake({
        role: 'source',
        stallMs,
        sessionId: own,
        peerSessionId: new Uint8Array(SESSION_ID_BYTES),
      }),
    );
    const welcome = await channel.receive();
    if (!welcome)
      throw new PageferryError(
        'io',
        `${channel.peer}: closed the channel instead of a welcome; it says why on its side`,
      );
    if (welcome.type !== FRAME.HANDSHAKE_REPLY) throw channel.unexpected(welcome, FRAME.HANDSHAKE_REPLY);
    const {
      sessionId,
      peerSessionId: answers,
      stallMs: patienceMs,
    } = decodeHandshake(welcome.body, 'destination', channel.peer);
    checkSessionId(channel, answers, own);
    channel.session = { ownId: own, peerId: sessionId };
    channel.keepAlive(patienceMs);
  });
}

/** Hears what the other side is, and says what this one is. */
export function handshakeAsDestination(
  channel: FrameChannel,
  { stallMs, handshakeMs }: Handshake,
): Promise<void> {
  return greeted(channel, handshakeMs, async (own) => {
    const { sessionId, stallMs: patienceMs } = decodeHandshake(
      await channel.expect(FRAME.HANDSHAKE),
      'source',
      channel.peer,
    );
    channel.session = { ownId: own, peerId: sessionId };
    await channel.send(
      FRAME.HANDSHAKE_REPLY,
      encodeHandshake({ role: 'destination', stallMs, sessionId: own, peerSessionId: sessionId }),
    );
    channel.keepAlive(patienceMs);
  });
}

/** @throws PageferryError `bad-stream` when something answers another session than this one: it was recorded */
export function checkSessionId(channel: FrameChannel, answers: Uint8Array, own: Uint8Array): void {
  if (Buffer.compare(answers, own) === 0) return;
  throw new PageferryError(
    'bad-stream',
    `${channel.peer}: answers session ${digestText(answers)}, this one is ${digestText(own)}: replayed from another`,
  );
}

async function greeted(
  channel: FrameChannel,
  handshakeMs: number,
  exchange: (own: Uint8Array) => Promise<void>,
): Promise<void> {
  const late = () =>
    channel.fail(new PageferryError('io', `${channel.peer}: no greeting within ${handshakeMs} ms`));
  const timer = setTimeout(late, handshakeMs);
  try {
    await exchange(randomBytes(SESSION_ID_BYTES));
  } catch (cause) {
    throw channel.fail(cause, FRAME.REFUSE);
  } finally {
    clearTimeout(timer);
  }
}
