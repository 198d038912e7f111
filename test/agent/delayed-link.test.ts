// Over a relay with a long delay the bytes in flight grow to what the link holds.
import { expect, test } from 'vitest';
import { DelayRelay } from '../../testing/delay-relay.js';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { testFolder } from '../image/support.js';
import { sent, startAgents } from '../support/agents.js';
import { FakeDestination } from '../support/fake-qemus.js';

const folder = testFolder();
const ROUND_TRIP_MS = 100;
const BITS_PER_SECOND = 1e8;

test('100 Mbit/s with a round trip of 100 ms', async () => {
  const stream = craftedStream([noiseOf(12 << 20, 1)]);
  let relay: DelayRelay | undefined;
  const agents = await startAgents({
    folder,
    async between(port) {
      relay = await DelayRelay.before({ port, roundTripMs: ROUND_TRIP_MS, bitsPerSecond: BITS_PER_SECOND });
      return relay.port;
    },
  });
  let most = 0;
  const qemu = await FakeDestination.listening(agents.inPath, {
    took() {
      const [, bytes] = /in_flight_bytes\{[^}]*\} (\d+)/.exec(agents.source.meters.text('source'))!;
      most = Math.max(most, Number(bytes));
    },
  });
  const [source] = await sent(agents, [stream], 65_536);
  source!.socket.end();
  expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
  expectSameMemory(qemu.stream(), stream);
  expect(most).toBeGreaterThan((BITS_PER_SECOND * ROUND_TRIP_MS) / 8000);
  await agents.close();
  await qemu.close();
  relay!.close();
});
