// QEMU must see the real speed of its migration; and a migration leaves no file descriptor behind.
import fs from 'node:fs';
import { expect, test } from 'vitest';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { cut } from '../../testing/qemu/replay.js';
import { within } from '../channel/hosts.js';
import { type Change, Middle, UNITS } from '../channel/relay.js';
import { testFolder } from '../image/support.js';
import { sent, startAgents } from '../support/agents.js';
import { FakeDestination, FakeSource } from '../support/fake-qemus.js';
import { seeded } from '../support/kernels.js';

const folder = testFolder();
const MIB = 1 << 20;

test('a slow destination QEMU slows the source QEMU, and few bytes are in flight', async () => {
  const stream = craftedStream([noiseOf(32 * MIB, 1)]);
  const agents = await startAgents({ folder });
  let written = 0;
  let [most, mostLater] = [0, 0];
  const qemu = await FakeDestination.listening(agents.inPath, {
    bytesPerSecond: 4 * MIB,
    took({ bytes }) {
      most = Math.max(most, written - bytes);
      // The kernel's buffers fill fast at the start; by then the rates of that are dropped.
      if (bytes > 22 * MIB) mostLater = Math.max(mostLater, written - bytes);
      if (bytes > 25 * MIB) qemu.hurry();
    },
  });
  const source = await FakeSource.connect(agents.outPath);
  for (const piece of cut(stream, 65_536)) {
    expect(await source.write([piece])).toBe(true);
    written = source.written;
  }
  source.socket.end();
  expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
  expectSameMemory(qemu.stream(), stream);
  // The kernel's socket buffers are included, which grow at the start: up to 12 MiB were seen.
  expect(most).toBeLessThan(18 * MIB);
  expect(mostLater).toBeLessThan(6 * MIB);
  await agents.close();
  await qemu.close();
});

const hasFds = fs.existsSync('/proc/self/fd');
test.skipIf(!hasFds)(
  `thirty migrations, a third of them cut anywhere, leave no socket behind${hasFds ? '' : ' (skipped: no /proc)'}`,
  async () => {
    const random = seeded(11);
    const stream = craftedStream([noiseOf(MIB / 2, 1), noiseOf(MIB / 2, 2)]);
    let cutAt = -1;
    let units = 0;
    let middle: Middle | undefined;
    const change: Change = (unit) => (units++ === cutAt ? 'cut' : [unit]);
    const agents = await startAgents({
      folder,
      async between(port) {
        middle = await Middle.before(port, UNITS.insecure, change);
        return middle.port;
      },
    });
    const qemu = await FakeDestination.listening(agents.inPath);
    const sockets = () => fs.readdirSync('/proc/self/fd').length;
    let before = 0;
    for (let number = 1; number <= 30; number++) {
      units = 0;
      cutAt = number % 3 === 0 ? 4 + (random() % 10) : -1;
      const [source] = await sent(agents, [stream], 65_536);
      source!.socket.end();
      const { source: error } = await agents.ended(number);
      expect(error === undefined).toBe(cutAt === -1);
      if (!error) expectSameMemory(qemu.stream(number - 1), stream);
      await within('QEMU’s connections', Promise.all([source!.closed, qemu.arrivals[number - 1]!.over]));
      if (number === 3) before = sockets();
    }
    expect(sockets()).toBeLessThanOrEqual(before);
    expect(agents.source.meters).toMatchObject({ inProgress: 0, completed: 20, failed: 10 });
    expect(agents.destination.meters).toMatchObject({ inProgress: 0, completed: 20, failed: 10 });
    await agents.close();
    await qemu.close();
    middle!.close();
  },
);
