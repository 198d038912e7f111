import { expectAnswer } from '../../channel/answer.js';
import { type ConnectOptions, connectChannel } from '../../channel/connect.js';
import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { PageferryError } from '../../page/error.js';
import {
  answerReader,
  type BurstFacts,
  CHECK_KIND,
  type DestinationFacts,
  readBurst,
  readFacts,
} from './messages.js';

/** Measurements of the channel in a check. */
export interface ChannelFacts {
  readonly destination: DestinationFacts;
  readonly identities: readonly string[];
  readonly roundTripMs: number;
  /** Rate at which the destination received the last burst; undefined for one that it received at once. */
  readonly bitsPerSecond: number | undefined;
}

const ROUND_TRIPS = 5;
const BURST_BODY_BYTES = 64 << 10;
const FIRST_BURST_BYTES = 256 << 10;
const MAX_BURST_BYTES = 64 << 20;
/** A burst that took this long at the destination says enough. */
const MIN_BURST_MS = 200;
const BURST_GROWTH = 4;
const OLDER_AGENT = /this version knows 1 … \d+/;

/** Asks the destination agent, and returns its answer. */
type Ask = (body: Uint8Array) => Promise<Uint8Array>;

/** Ask a destination agent what it is, and measure the channel. @throws PageferryError */
export function checkChannel(peer: ConnectOptions): Promise<ChannelFacts> {
  return withCheckChannel(peer, async (channel, ask) => {
    const destination = await askFacts(channel, ask);
    const roundTripMs = await measureRoundTrip(ask, channel.peer);
    const bitsPerSecond = await measureRate(channel, ask);
    return { destination, identities: channel.identities, roundTripMs, bitsPerSecond };
  });
}

/** Ask a destination agent what it is. @throws PageferryError */
export function askDestination(peer: ConnectOptions): Promise<DestinationFacts> {
  return withCheckChannel(peer, askFacts);
}

async function askFacts(channel: FrameChannel, ask: Ask): Promise<DestinationFacts> {
  const question = Buffer.concat([Uint8Array.of(CHECK_KIND.QUESTION), channel.session!.peerId]);
  return readFacts(await ask(question), channel.peer);
}

/** Run `check` on a channel of its own. */
async function withCheckChannel<T>(
  peer: ConnectOptions,
  check: (channel: FrameChannel, ask: Ask) => Promise<T>,
): Promise<T> {
  const channel = await connectChannel(peer);
  const ask: Ask = async (body) => {
    await channel.send(FRAME.CHECK, body);
    return expectAnswer(channel, FRAME.CHECK_ANSWER, 'it did not answer the check', peer);
  };
  try {
    return await check(channel, ask);
  } catch (cause) {
    throw explainOlderAgent(channel, cause);
  } finally {
    await channel.close();
  }
}

/** Return the shortest of some round trips, in ms. */
async function measureRoundTrip(ask: Ask, peer: string): Promise<number> {
  let shortest = Infinity;
  for (let i = 0; i < ROUND_TRIPS; i++) {
    const sentMs = performance.now();
    answerReader(await ask(Uint8Array.of(CHECK_KIND.ROUND_TRIP)), CHECK_KIND.ROUND_TRIP, peer);
    shortest = Math.min(shortest, performance.now() - sentMs);
  }
  return shortest;
}

/** Send bursts, each larger, until one takes long enough. Return the rate of the last one. */
async function measureRate(channel: FrameChannel, ask: Ask): Promise<number | undefined> {
  // Bytes that do not compress, for links that do.
  const body = crypto.getRandomValues(new Uint8Array(BURST_BODY_BYTES));
  body[0] = CHECK_KIND.BURST;
  let burst: BurstFacts = { bytes: 0, ms: 0 };
  for (let bytes = FIRST_BURST_BYTES; bytes <= MAX_BURST_BYTES; bytes *= BURST_GROWTH) {
    for (let sent = 0; sent < bytes; sent += body.length) await channel.send(FRAME.CHECK, body);
    burst = readBurst(await ask(Uint8Array.of(CHECK_KIND.BURST_END)), channel.peer);
    if (burst.ms >= MIN_BURST_MS) break;
  }
  return burst.ms > 0 ? (burst.bytes * 8000) / burst.ms : undefined;
}

/** An older agent does not know the question. */
function explainOlderAgent(channel: FrameChannel, cause: unknown): unknown {
  if (!(cause instanceof PageferryError) || !OLDER_AGENT.test(cause.message)) return cause;
  return new PageferryError(
    'unsupported',
    `${channel.peer}: the destination agent answers, but its release knows no checks; migrations with it may work: use the same release on both`,
    { cause },
  );
}
