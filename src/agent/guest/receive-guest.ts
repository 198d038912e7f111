import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { checkSessionId } from '../../channel/handshake.js';
import { decodeGuest, type GuestInfo } from '../../channel/handshake-messages.js';
import { digestText } from '../../dedup/image-digest.js';
import { createPageReceiver } from '../../engine/live/create-page-receiver.js';
import type { GuestMemory, PageReceiver } from '../../engine/live/page-receiver.js';
import { PageferryError } from '../../page/error.js';
import { DIGEST_BYTES } from '../../stream/format.js';
import { type BaseImage, checkSameBase } from '../base-image-check.js';

/** Where a guest goes. Exactly one of `commit` and `abort` ends what an announced guest began. */
export interface GuestDestination {
  /**
   * Gives the place where the pages wait until they are proved. May throw, to refuse: `channel.identities` say who sends,
   * `guest.tenant` whose guest it is.
   */
  readonly open: (guest: GuestInfo) => GuestMemory | Promise<GuestMemory>;
  /** The guest is whole and proved, and its source has let go: apply it. Called at most once, and then nothing else is. */
  readonly commit: () => void | Promise<void>;
  /** Nothing of the guest may be applied; also when `open` or `commit` threw. */
  readonly abort: (reason: PageferryError) => void | Promise<void>;
  /** The image that the source holds too. */
  readonly base?: BaseImage;
  /** Most bytes that a guest may have; default 1 TiB. */
  readonly maxGuestBytes?: number;
}

/** A guest that was applied. */
export interface ReceivedGuest {
  readonly guest: GuestInfo;
  readonly digest: string;
  /** Why the source may not know that it was. */
  readonly unconfirmed?: PageferryError;
}

/**
 * Receives the next guest of a channel; nothing when the source closed it instead. A guest's pages can only refer to its own (and to
 * its base): every guest has a receiver of its own.
 * @throws PageferryError why it was not applied, after `abort` heard the same; the channel is closed then
 */
export async function receiveGuest(
  channel: FrameChannel,
  destination: GuestDestination,
): Promise<ReceivedGuest | undefined> {
  const first = await channel.receive();
  if (!first) return undefined;
  let isAccepted = false;
  let received: { guest: GuestInfo; digest: Uint8Array };
  try {
    if (first.type !== FRAME.GUEST) throw channel.unexpected(first, FRAME.GUEST);
    const guest = announced(channel, first.body, destination);
    const stage = await destination.open(guest);
    const digest = await receivePages(channel, guest, stage, destination, async () => {
      isAccepted = true;
      await channel.send(FRAME.ACCEPT);
    });
    await channel.send(FRAME.VERIFIED, digest);
    await channel.expect(FRAME.COMMIT);
    await destination.commit();
    received = { guest, digest };
  } catch (cause) {
    const reason = channel.fail(cause, isAccepted ? FRAME.FAILED : FRAME.REFUSE);
    await abort(destination, reason);
    throw reason;
  }
  const { guest, digest } = received;
  try {
    await channel.send(FRAME.COMMITTED, digest);
  } catch (error) {
    return { guest, digest: digestText(digest), unconfirmed: channel.fail(error) };
  }
  return { guest, digest: digestText(digest) };
}

async function abort(destination: GuestDestination, reason: PageferryError): Promise<void> {
  try {
    await destination.abort(reason);
  } catch (cause) {
    throw new PageferryError(reason.code, `${reason.message}; and giving the guest up failed: ${cause}`, {
      cause: reason,
    });
  }
}

function announced(
  channel: FrameChannel,
  body: Uint8Array,
  { base, maxGuestBytes: maxBytes = 2 ** 40 }: GuestDestination,
): GuestInfo {
  const { answers, ...guest } = decodeGuest(body);
  checkSessionId(channel, answers, channel.session!.ownId);
  const bytes = guest.pages * guest.pageBytes;
  if (bytes > maxBytes)
    throw new PageferryError('limit', `guest "${guest.name}": ${bytes} bytes, this side takes ${maxBytes}`);
  checkSameBase(guest.base, base?.digest);
  return guest;
}

/** Takes the guest's stream to its end, which proves it, and gives the guest's digest. */
async function receivePages(
  channel: FrameChannel,
  guest: GuestInfo,
  stage: GuestMemory,
  { base, maxGuestBytes: maxBytes }: GuestDestination,
  accept: () => Promise<void>,
): Promise<Uint8Array> {
  const receiver = await createPageReceiver({
    open: (name, pages, pageBytes) => {
      if (name !== guest.name || pages !== guest.pages || pageBytes !== guest.pageBytes)
        throw new PageferryError(
          'bad-stream',
          `stream of guest "${name}", ${pages} pages of ${pageBytes} bytes: announced was "${guest.name}", ${guest.pages} of ${guest.pageBytes}`,
        );
      return stage;
    },
    ...(base ? { base } : {}),
    ...(maxBytes === undefined ? {} : { maxGuestBytes: maxBytes }),
  });
  await accept();
  for (;;) {
    const frame = await channel.receive();
    if (frame?.type === FRAME.END) return ended(receiver, frame.body, channel.peer);
    if (frame?.type !== FRAME.PAGES) throw channel.unexpected(frame, FRAME.PAGES);
    receiver.push(frame.body);
  }
}

function ended(receiver: PageReceiver, end: Uint8Array, peer: string): Uint8Array {
  if (receiver.complete || end.length < DIGEST_BYTES)
    throw new PageferryError(
      'bad-stream',
      `${peer}: an end of ${end.length} bytes, without the guest's digest`,
    );
  receiver.push(end);
  receiver.finish();
  // It was proved to be the digest of what is here.
  return end.slice(end.length - DIGEST_BYTES);
}
