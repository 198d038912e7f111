import type { Socket } from 'node:net';
import { join } from 'node:path';
import { FRAME } from '../../channel/frame.js';
import { FrameChannel } from '../../channel/frame-channel.js';
import { connectTo, listenAt } from '../../channel/transports/sockets.js';
import { zstdSet } from '../../codec/zstd/load.js';
import { createPageSender } from '../../engine/live/create-page-sender.js';
import { createTemporaryFolder } from '../../image/fs/temporary-folder.js';
import { PageferryError } from '../../page/error.js';
import { abortable, throwIfAborted } from '../../page/sync.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { adaptive } from '../../strategy/adaptive/adaptive.js';
import type { StreamState } from '../../strategy/strategy.js';
import { MAIN } from '../connection.js';
import { createDeferred } from '../deferred.js';
import { DestinationStream } from '../destination/destination-stream.js';
import { ChannelSender } from '../flow/channel-sender.js';

import { MigrationLifetime } from '../lifetime.js';
import { ackBytes, readAck } from '../messages.js';
import { SyncGate } from '../multifd/sync-gate.js';
import { RoundStats } from '../round-stats.js';
import { SocketWriter } from '../socket-writer.js';
import { SourceStream } from '../source/source-stream.js';
import { syntheticStream } from './synthetic-stream.js';

const PAGES = 2048;
const ROUNDS = 2;
const GUEST_BYTES = PAGES * TARGET_PAGE_BYTES;
const BATCH_PAGES = 512;
const THREADS = 2;
const STALL_MS = 30_000;

type Link = Pick<StreamState, 'linkBitsPerSecond' | 'linkBusyFraction'>;
/** Links that differ in the packings that the strategy chooses. */
const LINKS: readonly Link[] = [
  { linkBitsPerSecond: 1e8, linkBusyFraction: 0.5 },
  { linkBitsPerSecond: 1e9, linkBusyFraction: 0.2 },
  { linkBitsPerSecond: 1e10, linkBusyFraction: 0 },
];

/**
 * Migrate a small synthetic guest from this process to itself: code that never ran is ten times slower, and a
 * migration is over in seconds. Takes about half a second. @throws PageferryError when the guest did not
 * arrive; the abort reason
 */
export async function warmUp(signal?: AbortSignal): Promise<void> {
  const stream = syntheticStream(PAGES, ROUNDS);
  const folder = createTemporaryFolder();
  try {
    for (const link of LINKS) {
      throwIfAborted(signal);
      await migrate(stream, link, join(folder.path, 'socket'), signal);
    }
  } finally {
    folder.remove();
  }
}

async function migrate(stream: Uint8Array, link: Link, path: string, signal?: AbortSignal): Promise<void> {
  const lifetime = new MigrationLifetime();
  const onAbort = () => lifetime.fail(signal!.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const channels: FrameChannel[] = [];
  try {
    const [qemuOut, qemuIn] = await socketPair(path, lifetime);
    const [near, far] = await socketPair(path, lifetime);
    const [agentOut, agentIn] = await socketPair(path, lifetime);
    const options = { peer: 'warm-up', identities: [], stallMs: STALL_MS };
    const source = new FrameChannel(near, { ...options, role: 'source' });
    const destination = new FrameChannel(far, { ...options, role: 'destination' });
    channels.push(source, destination);
    agentIn.resume();
    const writer = new SocketWriter(agentOut, STALL_MS, 'the warm-up', lifetime.signal);
    qemuOut.end(stream);
    await Promise.all([send(source, qemuIn, link, lifetime), receive(destination, writer)]);
  } catch (cause) {
    throw lifetime.fail(cause);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await Promise.all([lifetime.end(), ...channels.map((channel) => channel.close())]);
  }
}

/** Return both ends of a new connection. */
async function socketPair(path: string, lifetime: MigrationLifetime): Promise<[Socket, Socket]> {
  const accepted = createDeferred<Socket>();
  const server = await listenAt({ path }, accepted.resolve, (error) => lifetime.fail(error));
  try {
    const near = await connectTo({ path }, 'warm-up', lifetime.signal);
    const pair = [near, await abortable(accepted.promise, lifetime.signal)] as const;
    for (const socket of pair) {
      socket.on('error', () => {});
      lifetime.attach(socket);
    }
    return [...pair];
  } finally {
    server.close();
  }
}

async function send(
  channel: FrameChannel,
  qemu: Socket,
  link: Link,
  lifetime: MigrationLifetime,
): Promise<void> {
  const { signal } = lifetime;
  const sending = new ChannelSender(channel, signal, THREADS, zstdSet());
  const state: StreamState = Object.create(sending.progress.state, {
    linkBitsPerSecond: { value: link.linkBitsPerSecond },
    linkBusyFraction: { value: link.linkBusyFraction },
  });
  const sender = await createPageSender({
    pageBytes: TARGET_PAGE_BYTES,
    strategy: adaptive(),
    state,
    dedup: 'similar',
    cacheBytes: GUEST_BYTES,
    threads: THREADS,
    batchPages: BATCH_PAGES,
    indexPages: PAGES,
    onPending: sending.progress.pending,
  });
  const stream = new SourceStream({
    ...{ channel: sending, sender, signal, batchPages: BATCH_PAGES, maxGuestBytes: GUEST_BYTES },
    stats: new RoundStats(
      0,
      () => ({ bitsPerSecond: 0, inFlightBytes: 0 }),
      () => {},
    ),
    log: () => {},
    gate: new SyncGate(),
    channelsKnown: async () => {},
    beforeDigest: async () => {},
    onFailure: (cause) => lifetime.fail(cause),
  });
  try {
    const acks = readAcks(channel, sending);
    acks.catch((cause) => lifetime.fail(cause));
    for await (const bytes of qemu as AsyncIterable<Uint8Array>) await stream.push(bytes);
    stream.finish();
    await stream.drained();
    await sending.send(MAIN, FRAME.ENDED, Uint8Array.of(MAIN));
    await acks;
  } finally {
    await sender.close();
  }
}

async function readAcks(channel: FrameChannel, sending: ChannelSender): Promise<void> {
  for (;;) {
    const frame = await channel.receive();
    if (frame?.type !== FRAME.ACK) return;
    const { connection, idle, bytes } = readAck(frame.body);
    sending.acked(connection, bytes, idle);
  }
}

async function receive(channel: FrameChannel, writer: SocketWriter): Promise<void> {
  const stream = await DestinationStream.open({
    cacheBytes: GUEST_BYTES,
    maxGuestBytes: GUEST_BYTES,
    write: (_, bytes, onWritten) => writer.write(bytes, onWritten),
  });
  let received = 0;
  for (;;) {
    const frame = await channel.receive();
    if (!frame || frame.type === FRAME.ENDED) break;
    await stream.process(frame);
    received += frame.bytes;
    if (!channel.hasMore)
      await channel.send(FRAME.ACK, ackBytes({ connection: MAIN, idle: 0.5, bytes: received }));
  }
  if (!stream.isVerified)
    throw new PageferryError(
      'not-identical',
      `the warm-up's guest did not arrive: ${stream.passThroughReason ?? 'its digest is missing'}`,
    );
  await channel.send(FRAME.COMMITTED);
}
