import type { Channel } from '../../channel/channel.js';
import { type ChannelFrame, FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { decodeGuest, type GuestInfo } from '../../channel/guest-info.js';
import { checkSessionId } from '../../channel/handshake.js';
import { digestText } from '../../dedup/image-digest.js';
import { createPageReceiver } from '../../engine/live/create-page-receiver.js';
import type { GuestMemory, PageReceiver } from '../../engine/live/page-receiver.js';
import { PageferryError } from '../../page/error.js';
import { DIGEST_BYTES } from '../../stream/format.js';
import { asError } from '../as-error.js';
import { type BaseImage, checkSameBase } from '../base-image.js';
import { DestinationReporter } from '../flow/destination-report.js';
import { withChannel } from './exclusive.js';

const DEFAULT_MAX_GUEST_BYTES = 2 ** 40;

/**
 * Where a guest goes. Each call of `receiveGuest` that got a guest ends with a `commit` that succeeds, or
 * with `abort`.
 */
export interface GuestDestination {
  /**
   * Return the memory in which pages are staged until they are verified. May throw to refuse the guest:
   * `channel.identities` has the names of the sender, `guest.tenant` the owner that the sender claims.
   * `signal` aborts when the channel ends.
   */
  readonly open: (guest: GuestInfo, signal: AbortSignal) => GuestMemory | Promise<GuestMemory>;
  /**
   * Apply the guest: it is complete and verified, and its source has given it up. `abort` is called
   * afterwards only if it throws. Where the channel ends meanwhile, nothing else is called: the source never
   * starts the guest again.
   */
  readonly commit: () => void | Promise<void>;
  /** Discard the guest. Also called if `open` or `commit` threw. */
  readonly abort: (reason: PageferryError) => void | Promise<void>;
  /** The image that the source has too. */
  readonly base?: BaseImage;
  /** Maximum size of a guest, in bytes; default 1 TiB. */
  readonly maxGuestBytes?: number;
}

/** A guest that was applied. */
export interface ReceivedGuest {
  readonly guest: GuestInfo;
  /** Digest of the guest's memory, in hex. */
  readonly digest: string;
  /** Set if the source could not be notified that the guest was applied. */
  readonly unconfirmed?: PageferryError;
}

/**
 * Receive the next guest of a channel: stage its pages, verify them, commit. Resolves to undefined if the
 * source has closed the channel. A guest's pages can refer only to its own pages and to its base image, since
 * every guest has a receiver of its own.
 * @throws PageferryError why the guest was not applied, after `abort` was called with it; the channel has
 * ended then. A failure of the channel after the source has given the guest up is no reason: see
 * `ReceivedGuest.unconfirmed`.
 * `bad-argument` if the channel is used by another call
 */
export function receiveGuest(
  channel: Channel,
  destination: GuestDestination,
): Promise<ReceivedGuest | undefined> {
  return withChannel(channel, async (frames) => {
    const first = await frames.receive();
    return first && (await receive(frames, first, destination));
  });
}

async function receive(
  channel: FrameChannel,
  first: ChannelFrame,
  destination: GuestDestination,
): Promise<ReceivedGuest> {
  const { guest, digest } = await stage(channel, first, destination);
  try {
    await destination.commit();
  } catch (cause) {
    const reason = asError(cause);
    channel.endCommit();
    channel.fail(reason);
    await abort(destination, reason);
    throw reason;
  }
  channel.endCommit();
  const received = { guest, digest: digestText(digest) };
  try {
    await channel.send(FRAME.COMMITTED, digest);
  } catch (error) {
    return { ...received, unconfirmed: channel.fail(error) };
  }
  return received;
}

/** Receive the guest's pages and verify them, until the source has given the guest up. Begins a commit. */
async function stage(
  channel: FrameChannel,
  first: ChannelFrame,
  destination: GuestDestination,
): Promise<{ guest: GuestInfo; digest: Uint8Array }> {
  let isAccepted = false;
  try {
    if (first.type !== FRAME.GUEST) throw channel.unexpected(first, FRAME.GUEST);
    const guest = readGuest(channel, first.body, destination);
    const memory = await destination.open(guest, channel.signal);
    const digest = await receivePages(channel, guest, memory, destination, async () => {
      isAccepted = true;
      await channel.send(FRAME.ACCEPT);
    });
    await channel.send(FRAME.VERIFIED, digest);
    await channel.expect(FRAME.COMMIT);
    channel.beginCommit();
    return { guest, digest };
  } catch (cause) {
    const reason = channel.fail(cause, isAccepted ? FRAME.FAILED : FRAME.REFUSE);
    await abort(destination, reason);
    throw reason;
  }
}

async function abort(destination: GuestDestination, reason: PageferryError): Promise<void> {
  try {
    await destination.abort(reason);
  } catch (cause) {
    throw new PageferryError(reason.code, `${reason.message}; discarding the guest failed too: ${cause}`, {
      cause: reason,
    });
  }
}

function readGuest(channel: FrameChannel, body: Uint8Array, destination: GuestDestination): GuestInfo {
  const { base, maxGuestBytes = DEFAULT_MAX_GUEST_BYTES } = destination;
  const { peerSessionId, ...guest } = decodeGuest(body);
  checkSessionId(channel, peerSessionId, channel.session!.ownId);
  const bytes = guest.pages * guest.pageBytes;
  if (bytes > maxGuestBytes)
    throw new PageferryError(
      'limit',
      `guest "${guest.name}": ${bytes} bytes, maxGuestBytes is ${maxGuestBytes}`,
    );
  checkSameBase(guest.base, base?.digest);
  return guest;
}

/** Receive and verify the guest's stream. Returns the guest's digest. */
async function receivePages(
  channel: FrameChannel,
  guest: GuestInfo,
  memory: GuestMemory,
  { base, maxGuestBytes }: GuestDestination,
  accept: () => Promise<void>,
): Promise<Uint8Array> {
  const receiver = await createPageReceiver({
    open: (name, pages, pageBytes) => {
      if (name !== guest.name || pages !== guest.pages || pageBytes !== guest.pageBytes)
        throw new PageferryError(
          'bad-stream',
          `the stream is of guest "${name}", ${pages} pages of ${pageBytes} bytes; ` +
            `announced was "${guest.name}", ${guest.pages} pages of ${guest.pageBytes} bytes`,
        );
      return memory;
    },
    ...(base ? { base } : {}),
    ...(maxGuestBytes === undefined ? {} : { maxGuestBytes }),
  });
  const reporter = new DestinationReporter(channel, () => receiver.costs);
  try {
    await accept();
    for (;;) {
      const frame = await channel.receive();
      if (frame?.type === FRAME.END) return verifiedDigest(receiver, frame.body, channel.peer);
      if (frame?.type !== FRAME.PAGES) throw channel.unexpected(frame, FRAME.PAGES);
      for (const part of frame.parts) receiver.push(part);
      reporter.report();
    }
  } finally {
    receiver.close();
  }
}

function verifiedDigest(receiver: PageReceiver, end: Uint8Array, peer: string): Uint8Array {
  if (receiver.complete || end.length < DIGEST_BYTES)
    throw new PageferryError(
      'bad-stream',
      `${peer}: an end of ${end.length} bytes without the guest's digest`,
    );
  receiver.push(end);
  receiver.finish();
  // The record ends with the digest, which equals that of the received pages.
  return end.slice(end.length - DIGEST_BYTES);
}
