import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { encodeGuest } from '../../channel/handshake-messages.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { digestText } from '../../dedup/image-digest.js';
import { createPageSender } from '../../engine/live/create-page-sender.js';
import type { DedupLevel, PageSender } from '../../engine/live/page-sender.js';
import { PageferryError } from '../../page/error.js';
import { adaptive } from '../../strategy/adaptive/adaptive.js';
import type { Strategy } from '../../strategy/strategy.js';
import { DIGEST_BYTES, type PageBytes } from '../../stream/format.js';
import type { BaseImage } from '../base-image-check.js';
import { PageFlow } from './page-flow.js';

const BATCH_PAGES = 256;
const MAX_CACHE_BYTES = 256 << 20;
const MAX_INDEX_PAGES = 1 << 17;

/** A guest that is to be sent. */
export interface GuestSource {
  readonly name: string;
  /** Whose it is. */
  readonly tenant: string;
  readonly pages: number;
  /** Default 4096. */
  readonly pageBytes?: PageBytes;
  /** Fills `into` with the page as it is now. */
  readonly read: (page: number, into: Uint8Array) => void | Promise<void>;
  /** After all pages went once: those that were written to since, round by round. The guest must stand still in the last one. */
  readonly rounds?: Iterable<Iterable<number>> | AsyncIterable<Iterable<number>>;
  /** An image that the destination holds too. */
  readonly base?: BaseImage;
  /**
   * Called once, when the destination has proved that it holds the guest, before it is told to apply it. What fails until then is not
   * applied there; after it, without a word from the destination, nobody here can know. Must not let the guest run here again.
   */
  readonly onCommit?: () => void | Promise<void>;
  /** Default `adaptive`. */
  readonly strategy?: Strategy;
  /** Default `similar`. */
  readonly dedup?: DedupLevel;
  /** Memory for pages as they were sent; default all of the guest, up to 256 MiB. */
  readonly cacheBytes?: number;
  readonly threads?: number;
}

/** What was sent, and applied by the destination. */
export interface SentGuest {
  /** Of the guest as the destination holds it. */
  readonly digest: string;
  /** Of its stream. */
  readonly bytes: number;
}

/**
 * Sends one guest: announces it, sends all pages and then those of the rounds, and lets the destination apply it once it has proved
 * that it holds the same. Every guest has a sender of its own, so nothing of one is ever said by what another has.
 * @throws PageferryError why it did not work, on whichever side; the channel is closed then
 */
export async function sendGuest(channel: FrameChannel, guest: GuestSource): Promise<SentGuest> {
  let toldToCommit = false;
  try {
    const { name, tenant, pages, pageBytes = 4096, base, threads = 1 } = guest;
    await channel.send(
      FRAME.GUEST,
      encodeGuest({ name, tenant, pages, pageBytes, base: base?.digest }, channel.session!.peerId),
    );
    await channel.expect(FRAME.ACCEPT);
    const flow = new PageFlow(channel, threads, await loadZstd());
    const digest = await sendPages(channel, guest, flow);
    checkDigest(await channel.expect(FRAME.VERIFIED), digest, 'proved');
    await guest.onCommit?.();
    channel.check();
    toldToCommit = true;
    await channel.send(FRAME.COMMIT);
    checkDigest(await channel.expect(FRAME.COMMITTED), digest, 'applied');
    return { digest: digestText(digest), bytes: flow.bytes };
  } catch (cause) {
    const reason = channel.fail(cause);
    if (!toldToCommit || channel.failedByPeer) throw reason;
    const found = `guest "${guest.name}": the destination was told to apply it and did not confirm, it may run there: ${reason.message}`;
    throw new PageferryError(reason.code, found, { cause: reason });
  }
}

/** Sends the guest's stream to its end, and gives the digest of the guest. */
async function sendPages(channel: FrameChannel, guest: GuestSource, flow: PageFlow): Promise<Uint8Array> {
  const {
    name,
    pages,
    pageBytes = 4096,
    base,
    strategy = adaptive(),
    dedup = 'similar',
    threads = 1,
  } = guest;
  const { cacheBytes = Math.min(pages * pageBytes, MAX_CACHE_BYTES) } = guest;
  const { state, pending } = flow.planned;
  const indexPages = Math.min(pages + (base?.pages ?? 0), MAX_INDEX_PAGES);
  const sender = await createPageSender({
    ...{
      pageBytes,
      strategy,
      state,
      dedup,
      cacheBytes,
      batchPages: BATCH_PAGES,
      indexPages,
      threads,
      onPending: pending,
    },
    ...(base ? { base } : {}),
  });
  try {
    await flow.put(sender.begin(name, pages));
    await sendAll(guest, sender, flow, range(pages));
    for await (const round of whileOpen(guest.rounds ?? [], channel))
      await sendAll(guest, sender, flow, round);
    await flow.sent();
    const end = sender.end();
    await channel.send(FRAME.END, end);
    // An end record ends with the digest.
    return end.slice(end.length - DIGEST_BYTES);
  } finally {
    await sender.close();
  }
}

async function sendAll(
  guest: GuestSource,
  sender: PageSender,
  flow: PageFlow,
  numbers: Iterable<number>,
): Promise<void> {
  const { pageBytes = 4096, pages } = guest;
  let batch: number[] = [];
  for (const page of numbers) {
    if (!Number.isInteger(page) || page < 0 || page >= pages)
      throw new PageferryError(
        'bad-argument',
        `guest "${guest.name}": page ${page} in a round, it has ${pages}`,
      );
    const at = batch.length * pageBytes;
    await guest.read(page, sender.buffer.subarray(at, at + pageBytes));
    if (batch.push(page) < BATCH_PAGES) continue;
    await flow.batch(sender, batch);
    batch = [];
  }
  if (batch.length > 0) await flow.batch(sender, batch);
}

/** Rounds may be long in coming; nobody waits for them when the channel is gone. */
async function* whileOpen<T>(
  rounds: Iterable<T> | AsyncIterable<T>,
  channel: FrameChannel,
): AsyncGenerator<T> {
  const iterator =
    Symbol.asyncIterator in rounds ? rounds[Symbol.asyncIterator]() : rounds[Symbol.iterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), channel.closed]);
    if (!next || next.done) return;
    yield next.value;
  }
}

function* range(pages: number): Generator<number> {
  for (let page = 0; page < pages; page++) yield page;
}

function checkDigest(body: Uint8Array, digest: Uint8Array, what: string): void {
  if (Buffer.compare(body, digest) === 0) return;
  throw new PageferryError(
    'not-identical',
    `the destination ${what} a guest of digest ${digestText(body)}, sent was ${digestText(digest)}`,
  );
}
