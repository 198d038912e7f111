// Connections of QEMU that begin another migration, or belong to none.
import { afterEach, expect, test } from 'vitest';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { within } from '../channel/hosts.js';
import { begun, closeAll, STREAM, setting, stuck } from '../support/agent-faults.js';
import { FakeSource } from '../support/fake-qemus.js';

const MIB = 1 << 20;
afterEach(closeAll);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test.each([
  ['at once', 0],
  ['late', 3],
])(
  'migrate_cancel and migrate: the second attempt is no connection of the first, its magic comes %s',
  async (_, earlyBytes) => {
    const set = await setting({}, { reads: (number) => number > 0 });
    const first = await stuck(set.agents);
    // The agent does not read, so it cannot see that QEMU closes this connection.
    first.socket.destroy();
    const second = await FakeSource.connect(set.agents.outPath);
    if (earlyBytes > 0) {
      await second.write([STREAM.subarray(0, earlyBytes)]);
      await until(() => set.agents.source.text.includes('another connection'));
    }
    const written = second.write([STREAM.subarray(earlyBytes)]);
    expect(await set.agents.source.end(1, 'the first attempt')).toMatchObject({
      message: 'QEMU began another migration on a new connection: this one was cancelled',
    });
    expect(await within('the second attempt', written)).toBe(true);
    second.socket.end();
    expect(
      await set.agents.source.end(2, `the second attempt, log: ${set.agents.source.text}`),
    ).toBeUndefined();
    expectSameMemory(set.qemu.stream(set.qemu.arrivals.length - 1), STREAM);
  },
);

test('a connection that QEMU closes before it sends a byte is none of the migration', async () => {
  const { agents, qemu } = await setting({}, { bytesPerSecond: 4 * MIB });
  const source = await begun(agents);
  await within(
    'the first bytes',
    until(() => qemu.bytes > 0),
  );
  const empty = await FakeSource.connect(agents.outPath);
  empty.socket.end();
  await within('the empty connection', empty.closed);
  qemu.hurry();
  expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
  await within('QEMU', source.closed);
  expect(agents.source.text).not.toMatch(/another connection|pass-through/);
  expect(qemu.arrivals).toHaveLength(1);
  expectSameMemory(qemu.stream(), STREAM);
});
