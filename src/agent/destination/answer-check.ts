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

/** Answer the questions of `pageferry agent check` until its end. @throws PageferryError */
export async function answerCheck(
  channel: FrameChannel,
  options: DestinationAgentOptions,
  migrationsInProgress: () => number,
): Promise<void> {
  const timer = setTimeout(
    () => channel.fail(new PageferryError('limit', `the check took more than ${MAX_MS / 1000} s`)),
    MAX_MS,
  );
  const burst = { bytes: 0, startedMs: 0 };
  const direct = new DirectIncoming(channel, options);
  let facts: DestinationFacts | undefined;
  try {
    for (;;) {
      const frame = await channel.receive();
      if (!frame) return direct.close(new PageferryError('io', `${channel.peer} closed its channel`));
      if (frame.type !== FRAME.CHECK) throw channel.unexpected(frame, FRAME.CHECK);
      const { body } = frame;
      switch (body[0]) {
        case CHECK_KIND.QUESTION:
          checkSessionId(channel, body.subarray(1), channel.session!.ownId);
          facts ??= await factsOf(options, migrationsInProgress());
          await channel.send(FRAME.CHECK_ANSWER, factsBytes(facts));
          break;
        case CHECK_KIND.ROUND_TRIP:
          await channel.send(FRAME.CHECK_ANSWER, Uint8Array.of(CHECK_KIND.ROUND_TRIP));
          break;
        case CHECK_KIND.BURST:
          // The first frame starts the clock, so only what follows it is counted.
          if (burst.startedMs === 0) burst.startedMs = performance.now();
          else burst.bytes += body.length;
          break;
        case CHECK_KIND.BURST_END: {
          const ms = burst.startedMs === 0 ? 0 : performance.now() - burst.startedMs;
          await channel.send(FRAME.CHECK_ANSWER, burstBytes({ bytes: burst.bytes, ms }));
          Object.assign(burst, { bytes: 0, startedMs: 0 });
          break;
        }
        case DIRECT_KIND.QEMU:
        case DIRECT_KIND.PREPARE:
        case DIRECT_KIND.RESULT:
          await direct.answer(body);
          if (direct.isActive) clearTimeout(timer);
          break;
        default:
          throw new PageferryError(
            'unsupported',
            `a check of kind ${body[0]}, which version ${VERSION} does not know; use the same release on both`,
          );
      }
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
