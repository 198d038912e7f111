import type { Channel } from '../../channel/channel.js';
import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { encodeGuest } from '../../channel/guest-info.js';
import { zstdSet } from '../../codec/zstd/load.js';
import { digestText } from '../../dedup/image-digest.js';
import { createPageSender } from '../../engine/live/create-page-sender.js';
import type { DedupLevel, PageSender } from '../../engine/live/page-sender.js';
import { isPromise } from '../../page/checked-source.js';
import { badArgument, PageferryError } from '../../page/error.js';
import { abortableItems } from '../../page/items.js';
import { abortable } from '../../page/sync.js';
import { adaptive } from '../../strategy/adaptive/adaptive.js';
import type { Strategy } from '../../strategy/strategy.js';
import { DIGEST_BYTES, type PageBytes } from '../../stream/format.js';
import type { BaseImage } from '../base-image.js';
import { withChannel } from './exclusive.js';
import { PageFlow } from './page-flow.js';

const DEFAULT_PAGE_BYTES = 4096;
const BATCH_PAGES = 256;
const MAX_CACHE_BYTES = 256 << 20;
const MAX_INDEX_PAGES = 1 << 17;

/** A guest to send. */
export interface GuestSource {
  readonly name: string;
  /** Owner of the guest; the destination may check it. */
  readonly tenant: string;
  readonly pages: number;
  /** Bytes of a page: 4096 (default), 16384 or 65536. */
  readonly pageBytes?: PageBytes;
  /** Fill `into` with the current bytes of the page. */
  readonly read: (page: number, into: Uint8Array) => void | Promise<void>;
  /**
   * Rounds of pre-copy, after all pages were sent once: each round yields the numbers of the pages written to
   * since the last one. The guest may run until the last round, and must be stopped before that round is
   * yielded.
   */
  readonly rounds?: Iterable<Iterable<number>> | AsyncIterable<Iterable<number>>;
  /** An image that the destination has too; its pages are not sent. */
  readonly base?: BaseImage;
  /**
   * Called once, after the destination has verified that it holds the guest, before it applies it.
   * The guest must never run here again afterwards: if the destination does not confirm, this host does not
   * know whether it runs there.
   */
  readonly onCommit?: () => void | Promise<void>;
  /** Default `adaptive`. */
  readonly strategy?: Strategy;
  /** Default `similar`. */
  readonly dedup?: DedupLevel;
  /** Memory for pages as they were sent, in bytes; default: the guest's size, at most 256 MiB. */
  readonly cacheBytes?: number;
  /** Threads that pack; default 1. */
  readonly threads?: number;
}

/** A guest that was sent, and applied by the destination. */
export interface SentGuest {
  /** Digest of the guest's memory at the destination, in hex. */
  readonly digest: string;
  /** Bytes of the guest's stream. */
  readonly bytes: number;
}

/**
 * Send a guest: announce it, send all pages and then the pages of each round, and have the destination verify
 * and apply it. Every guest has a sender of its own, so its stream depends on no other guest.
 * @throws PageferryError why it failed, on either host; the channel has ended then. `bad-argument` if another
 * call uses the channel
 */
export function sendGuest(channel: Channel, guest: GuestSource): Promise<SentGuest> {
  return withChannel(channel, (frames) => send(frames, guest));
}

async function send(channel: FrameChannel, guest: GuestSource): Promise<SentGuest> {
  let isCommitting = false;
  try {
    const { name, tenant, pages, pageBytes = DEFAULT_PAGE_BYTES, base, threads = 1 } = guest;
    channel.check();
    await channel.send(
      FRAME.GUEST,
      encodeGuest({ name, tenant, pages, pageBytes, base: base?.digest }, channel.session!.peerId),
    );
    await channel.expect(FRAME.ACCEPT);
    const flow = new PageFlow(channel, threads, zstdSet());
    const digest = await sendPages(channel, guest, flow);
    checkDigest(await channel.expect(FRAME.VERIFIED), digest, 'verified');
    await guest.onCommit?.();
    channel.check();
    isCommitting = true;
    await channel.send(FRAME.COMMIT);
    checkDigest(await channel.expect(FRAME.COMMITTED), digest, 'applied');
    return { digest: digestText(digest), bytes: flow.bytes };
  } catch (cause) {
    const reason = channel.fail(cause);
    // A failure that the destination reports may have come after it applied the guest.
    if (!isCommitting) throw reason;
    const message = `guest "${guest.name}": the destination did not confirm that it applied the guest, it may run there: ${reason.message}`;
    throw new PageferryError(reason.code, message, { cause: reason });
  }
}

/** Send the guest's stream. Returns the guest's digest. */
async function sendPages(channel: FrameChannel, guest: GuestSource, flow: PageFlow): Promise<Uint8Array> {
  const { name, pages, rounds = [] } = guest;
  const sender = await createSender(channel, guest, flow);
  try {
    await flow.sendUnbatched(sender.begin(name, pages));
    await sendRound(channel, guest, sender, flow, range(pages));
    // The next round may take long to arrive, and the channel may end before it does.
    for await (const round of abortableItems(rounds, channel.signal))
      await sendRound(channel, guest, sender, flow, round);
    await flow.sent();
    const end = sender.end();
    await channel.send(FRAME.END, end);
    // The record ends with the digest.
    return end.slice(end.length - DIGEST_BYTES);
  } finally {
    await sender.close();
  }
}

function createSender({ signal }: FrameChannel, guest: GuestSource, flow: PageFlow): Promise<PageSender> {
  const { pages, pageBytes = DEFAULT_PAGE_BYTES, base, threads = 1 } = guest;
  const { state, pending: onPending } = flow.progress;
  return createPageSender({
    pageBytes,
    strategy: guest.strategy ?? adaptive(),
    state,
    dedup: guest.dedup ?? 'similar',
    cacheBytes: guest.cacheBytes ?? Math.min(pages * pageBytes, MAX_CACHE_BYTES),
    batchPages: BATCH_PAGES,
    indexPages: Math.min(pages + (base?.pages ?? 0), MAX_INDEX_PAGES),
    threads,
    onPending,
    ...(base ? { base } : {}),
    signal,
  });
}

async function sendRound(
  { signal }: FrameChannel,
  guest: GuestSource,
  sender: PageSender,
  flow: PageFlow,
  numbers: Iterable<number>,
): Promise<void> {
  const { pageBytes = DEFAULT_PAGE_BYTES, pages } = guest;
  let batch: number[] = [];
  for (const page of numbers) {
    if (!Number.isInteger(page) || page < 0 || page >= pages)
      throw badArgument(`guest "${guest.name}": page ${page} in a round, it has ${pages}`);
    const at = batch.length * pageBytes;
    const reading = guest.read(page, sender.buffer.subarray(at, at + pageBytes));
    if (isPromise(reading)) await abortable(reading, signal);
    if (batch.push(page) < BATCH_PAGES) continue;
    await flow.sendBatch(sender, batch);
    batch = [];
  }
  if (batch.length > 0) await flow.sendBatch(sender, batch);
}

function* range(pages: number): Generator<number> {
  for (let page = 0; page < pages; page++) yield page;
}

function checkDigest(body: Uint8Array, digest: Uint8Array, result: 'verified' | 'applied'): void {
  if (Buffer.compare(body, digest) === 0) return;
  throw new PageferryError(
    'not-identical',
    `the destination ${result} a guest with digest ${digestText(body)}, sent was ${digestText(digest)}`,
  );
}
