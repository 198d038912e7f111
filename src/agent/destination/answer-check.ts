import { availableParallelism } from 'node:os';
import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { checkSessionId } from '../../channel/handshake.js';
import { addressText } from '../../channel/transports/address.js';
import { socketState } from '../../channel/transports/socket-state.js';
import { PageferryError } from '../../page/error.js';
import { VERSION } from '../../version.js';
import { certificateFacts } from '../check/certificate.js';
import {
  burstBytes,
  CHECK_KIND,
  type DestinationFacts,
  factsBytes,
  type SocketState,
} from '../check/messages.js';
import { DirectIncoming, isDeferred } from '../direct/incoming.js';
import { DIRECT_KIND } from '../direct/messages.js';
import { bootId } from '../measure/boot-id.js';
import { measurePacking } from '../measure/packing-speed.js';
import type { DestinationAgentOptions } from './options.js';

/** A check takes seconds; a peer that keeps asking is cut off. */
const MAX_MS = 60_000;
const MEASURE_MS = 80;
const DIRECT_KINDS: ReadonlySet<number | undefined> = new Set(Object.values(DIRECT_KIND));

/** Answer the questions of one source agent until its end. @throws PageferryError */
export async function answerCheck(
  channel: FrameChannel,
  options: DestinationAgentOptions,
  migrationsInProgress: () => number,
): Promise<void> {
  const timer = setTimeout(
    () => channel.fail(new PageferryError('limit', `the check took more than ${MAX_MS / 1000} s`)),
    MAX_MS,
  );
  const check = new CheckAnswers(channel, options, migrationsInProgress);
  const direct = new DirectIncoming(channel, options);
  try {
    for (;;) {
      const frame = await channel.receive();
      if (!frame) return direct.close(new PageferryError('io', `${channel.peer} closed its channel`));
      if (frame.type !== FRAME.CHECK) throw channel.unexpected(frame, FRAME.CHECK);
      const { body } = frame;
      if (DIRECT_KINDS.has(body[0])) await direct.answer(body);
      else await check.answer(body);
      if (direct.isActive) clearTimeout(timer);
    }
  } catch (cause) {
    const error = channel.fail(cause);
    direct.close(error);
    throw error;
  } finally {
    clearTimeout(timer);
    await channel.close();
  }
}

/** Answers the questions of `pageferry agent check` on one channel. */
class CheckAnswers {
  private facts: DestinationFacts | undefined;
  /** Bytes of the current burst after its first frame, and the time of that; 0: none has come. */
  private burst = { bytes: 0, startedMs: 0 };

  constructor(
    private readonly channel: FrameChannel,
    private readonly options: DestinationAgentOptions,
    private readonly migrationsInProgress: () => number,
  ) {}

  /** @throws PageferryError `unsupported` for a question of a later version */
  async answer(body: Uint8Array): Promise<void> {
    switch (body[0]) {
      case CHECK_KIND.QUESTION:
        return this.send(await this.describe(body.subarray(1)));
      case CHECK_KIND.ROUND_TRIP:
        return this.send(Uint8Array.of(CHECK_KIND.ROUND_TRIP));
      case CHECK_KIND.BURST:
        return this.addBurst(body.length);
      case CHECK_KIND.BURST_END:
        return this.send(this.endBurst());
      default:
        throw new PageferryError(
          'unsupported',
          `a check of kind ${body[0]}, which version ${VERSION} does not know; use the same release on both`,
        );
    }
  }

  private async send(answer: Uint8Array): Promise<void> {
    await this.channel.send(FRAME.CHECK_ANSWER, answer);
  }

  private async describe(sessionId: Uint8Array): Promise<Uint8Array> {
    const { channel, options } = this;
    checkSessionId(channel, sessionId, channel.session!.ownId);
    this.facts ??= await factsOf(options, this.migrationsInProgress());
    return factsBytes(this.facts);
  }

  /** The first frame starts the clock, so only what follows it is counted. */
  private addBurst(bytes: number): void {
    if (this.burst.startedMs === 0) this.burst.startedMs = performance.now();
    else this.burst.bytes += bytes;
  }

  private endBurst(): Uint8Array {
    const { bytes, startedMs } = this.burst;
    this.burst = { bytes: 0, startedMs: 0 };
    return burstBytes({ bytes, ms: startedMs === 0 ? 0 : performance.now() - startedMs });
  }
}

async function factsOf(options: DestinationAgentOptions, inProgress: number): Promise<DestinationFacts> {
  const { listen, qemu, cacheBytes, maxGuestBytes, base } = options;
  // A migration in progress needs the CPU.
  const speed = inProgress > 0 ? undefined : await measurePacking('fixed:lz4', 1, MEASURE_MS);
  const certificate = listen.credentials?.certificate;
  return {
    version: VERSION,
    qemuAddress: addressText(qemu),
    qemuSocket: await stateOf(options),
    certificateEnd: certificate ? certificateFacts(certificate).end : undefined,
    ...{ cacheBytes, maxGuestBytes, migrationsInProgress: inProgress, base: base?.digest },
    cores: availableParallelism(),
    unpackBytesPerMs: speed?.unpackBytesPerMs,
    bootId: bootId(),
  };
}

/** QEMU that waits for `migrate-incoming` listens once a migration begins. */
async function stateOf({ qemu, direct }: DestinationAgentOptions): Promise<SocketState> {
  const state = socketState(qemu);
  if (state === 'listening' || !direct) return state;
  try {
    return (await isDeferred(direct.qmp)) ? 'deferred' : state;
  } catch {
    return state;
  }
}
