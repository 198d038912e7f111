import fs from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FRAME } from '../../channel/frame.js';
import { FrameChannel } from '../../channel/frame-channel.js';
import { connectTo, listenAt } from '../../channel/transports/address.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { createPageSender } from '../../engine/live/create-page-sender.js';
import { PageferryError } from '../../page/error.js';
import { adaptive } from '../../strategy/adaptive/adaptive.js';
import type { StreamState } from '../../strategy/strategy.js';
import { DestinationStream } from '../destination/destination-stream.js';
import { ChannelFlow, MAIN } from '../flow/channel-flow.js';
import { readTaken, takenBytes } from '../messages.js';
import { SocketWriter } from '../socket-writer.js';
import { SourceStream } from '../source/source-stream.js';
import { RoundStats } from '../stats.js';
import { syntheticStream } from './synthetic-stream.js';

const PAGE_BYTES = 4096;
const PAGES = 2048;
const PASSES = 2;
const CACHE_BYTES = PAGES * PAGE_BYTES;
const BATCH_PAGES = 512;
const STALL_MS = 30_000;
/** Links that are rehearsed for, and how much waits for them: each calls for other packings. */
const LINKS: readonly Pick<StreamState, 'linkBitsPerSecond' | 'linkBusyFraction'>[] = [
  { linkBitsPerSecond: 1e8, linkBusyFraction: 0.5 },
  { linkBitsPerSecond: 1e9, linkBusyFraction: 0.2 },
  { linkBitsPerSecond: 1e10, linkBusyFraction: 0 },
];

/**
 * Migrates a small made guest from this process to itself, before any migration begins: code that never ran takes ten times as long, and
 * a migration is over in seconds. Takes about half a second. @throws PageferryError when the guest did not arrive
 */
export async function warmUp(): Promise<void> {
  const stream = syntheticStream(PAGES, PASSES);
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-'));
  try {
    for (const link of LINKS) await rehearse(stream, link, join(folder, 'socket'));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function rehearse(stream: Uint8Array, link: (typeof LINKS)[number], path: string): Promise<void> {
  const [qemuOut, qemuIn] = await socketPair(path);
  const [near, far] = await socketPair(path);
  const [agentOut, agentIn] = await socketPair(path);
  const options = { peer: 'rehearsal', identities: [], stallMs: STALL_MS };
  const source = new FrameChannel(near, { ...options, role: 'source' });
  const destination = new FrameChannel(far, { ...options, role: 'destination' });
  try {
    agentIn.resume();
    const arrived = receive(destination, new SocketWriter(agentOut, STALL_MS, 'the rehearsal'));
    qemuOut.end(stream);
    await Promise.all([send(source, qemuIn, link), arrived]);
  } finally {
    for (const socket of [qemuOut, qemuIn, agentOut, agentIn]) socket.destroy();
    await Promise.all([source.close(), destination.close()]);
  }
}

/** Both ends of a connection. */
async function socketPair(path: string): Promise<[Socket, Socket]> {
  let accept!: (socket: Socket) => void;
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  const server = await listenAt({ path }, accept);
  try {
    return [await connectTo({ path }, 'rehearsal'), await accepted];
  } finally {
    server.close();
  }
}

async function send(channel: FrameChannel, qemu: Socket, link: (typeof LINKS)[number]): Promise<void> {
  const threads = 2;
  const flow = new ChannelFlow(channel, threads, await loadZstd());
  const state: StreamState = Object.create(flow.planned.state, {
    linkBitsPerSecond: { value: link.linkBitsPerSecond },
    linkBusyFraction: { value: link.linkBusyFraction },
  });
  const sender = await createPageSender({
    ...{
      pageBytes: PAGE_BYTES,
      strategy: adaptive(),
      state,
      dedup: 'similar',
      cacheBytes: CACHE_BYTES,
      threads,
    },
    ...{ batchPages: BATCH_PAGES, indexPages: PAGES, onPending: flow.planned.pending },
  });
  const stats = new RoundStats(
    0,
    () => ({ bitsPerSecond: 0, queueBytes: 0 }),
    () => {},
  );
  const stream = new SourceStream(flow, sender, BATCH_PAGES, { log: () => {}, stats });
  try {
    const heard = hear(channel, flow);
    // Where the stream fails first, that is what is told.
    heard.catch(() => {});
    for await (const bytes of qemu as AsyncIterable<Uint8Array>) await stream.push(bytes);
    stream.finish();
    await stream.drained();
    await flow.sendOne(FRAME.ENDED, Uint8Array.of(MAIN));
    await heard;
  } finally {
    await sender.close();
  }
}

async function hear(channel: FrameChannel, flow: ChannelFlow): Promise<void> {
  for (;;) {
    const frame = await channel.receive();
    if (frame?.type !== FRAME.ACK) return;
    const { connection, idle, bytes } = readTaken(frame.body);
    flow.taken(connection, bytes, idle);
  }
}

async function receive(channel: FrameChannel, outlet: SocketWriter): Promise<void> {
  const stream = await DestinationStream.open(CACHE_BYTES, undefined, (bytes, written) =>
    outlet.write(bytes, written),
  );
  let taken = 0;
  for (;;) {
    const frame = await channel.receive();
    if (!frame || frame.type === FRAME.ENDED) break;
    if (frame.type === FRAME.LITERAL) await stream.literal(frame.body.subarray(1));
    else await stream.take(channel, frame);
    taken += frame.body.length;
    if (!channel.hasMore) await channel.send(FRAME.ACK, takenBytes(MAIN, 0.5, taken));
  }
  if (!stream.isProved)
    throw new PageferryError(
      'not-identical',
      `the rehearsal's guest did not arrive: ${stream.unread ?? 'its end is missing'}`,
    );
  await channel.send(FRAME.COMMITTED);
}
