// Helpers of fault tests: begin a migration, expect its failure, and expect that the next one completes.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { RUNS_ON_SOURCE } from '../../src/agent/guest-state.js';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { cut } from '../../testing/qemu/replay.js';
import { within } from '../channel/hosts.js';
import { type Change, Middle } from '../channel/relay.js';
import { type Agents, type AgentsOptions, startAgents } from './agents.js';
import { FakeDestination, type FakeDestinationOptions, FakeSource } from './fake-qemus.js';

export const folder = fs.mkdtempSync(join(tmpdir(), 'agents-test-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A stream of incompressible pages. */
export const STREAM = craftedStream(
  [noiseOf(3 << 20, 1), noiseOf(3 << 20, 2)],
  Buffer.concat([craftedDevices(), noiseOf(4 << 20, 3)]),
);
const HALF = STREAM.length >> 1;
/**
 * Stall timeout of tests in which a peer stalls; the others use the default, because this machine may be
 * slow.
 */
export const STALL_MS = 1500;

export function craftedDevices(): Buffer {
  return Buffer.from('\x04\0\0\0\0\x05timer\0\0\0\0\0\0\0\x02', 'latin1');
}

/** Everything that a test opened: `afterEach(closeAll)`. */
export const open: { close(): unknown }[] = [];

export async function closeAll(): Promise<void> {
  for (const one of open.splice(0).reverse()) await one.close();
}

interface Setting {
  readonly agents: Agents;
  readonly qemu: FakeDestination;
}

export async function setting(
  options: Partial<AgentsOptions> = {},
  behaviour?: FakeDestinationOptions,
): Promise<Setting> {
  const agents = await startAgents({ folder, ...options });
  const qemu = await FakeDestination.listening(agents.inPath, behaviour);
  open.push(agents, qemu);
  return { agents, qemu };
}

/** Begin a migration, and write its stream in the background. `acts` is called once in the middle. */
export async function begun(
  agents: Agents,
  acts: (source: FakeSource) => void = () => {},
): Promise<FakeSource> {
  const source = await FakeSource.connect(agents.outPath);
  void (async () => {
    let acted = false;
    for (const piece of cut(STREAM, 65_536)) {
      if (!(await source.write([piece]))) return;
      if (source.written < HALF || acted) continue;
      acted = true;
      acts(source);
    }
    source.socket.end();
  })();
  return source;
}

/** More bytes than all windows and buffers between two QEMUs hold. */
const LONG_STREAM = craftedStream(
  [noiseOf(1 << 20, 1)],
  Buffer.concat([craftedDevices(), noiseOf(32 << 20, 2)]),
);

/** Begin a migration, and resolve when QEMU's writes have filled every buffer on the path. */
export async function stuck(agents: Agents): Promise<FakeSource> {
  const source = await FakeSource.connect(agents.outPath);
  void source.write(cut(LONG_STREAM, 65_536));
  for (let written = -1; written !== source.written || written === 0; ) {
    written = source.written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return source;
}

/**
 * Expect that an attempt failed, and that each side logged it once, the source with the `state` of the guest;
 * the destination only where it is given.
 */
export async function expectFailed(
  agents: Agents,
  source: FakeSource,
  reasons: { source: RegExp; destination?: RegExp; state?: string },
  number = 1,
) {
  await within(`QEMU's connection; the agent said: ${agents.source.text}`, source.closed);
  expect((await agents.source.end(number, 'the source agent'))?.message).toMatch(reasons.source);
  const errors = ({ log }: { log: Agents['source']['log'] }) =>
    log
      .filter(({ level, migration }) => level === 'error' && migration === number)
      .map(({ message }) => message);
  const { state = RUNS_ON_SOURCE } = reasons;
  expect(errors(agents.source)).toEqual([expect.stringMatching(new RegExp(`^failed: .*; ${state}$`))]);
  if (!reasons.destination) return;
  expect((await agents.destination.end(number, 'the destination agent'))?.message).toMatch(
    reasons.destination,
  );
  expect(errors(agents.destination)).toEqual([expect.stringMatching(/^failed: /)]);
}

/** Expect that the next attempt on the same agents completes. */
export async function expectWorks(
  { agents, qemu }: Setting,
  number = 2,
  destinationNumber = number,
): Promise<void> {
  const before = qemu.arrivals.length;
  const source = await begun(agents);
  expect(await agents.source.end(number, `the source agent; it said: ${agents.source.text}`)).toBeUndefined();
  expect(await agents.destination.end(destinationNumber, 'the destination agent')).toBeUndefined();
  await within('QEMU’s connection', source.closed);
  expectSameMemory(qemu.stream(before), STREAM);
}

/** Apply a change to one unit only. */
export const once = (change: Change): Change => {
  let isDone = false;
  return (unit, i) => {
    if (isDone) return [unit];
    const changed = change(unit, i);
    isDone = changed === 'cut' || changed[0] !== unit;
    return changed;
  };
};

export function through(
  unit: (bytes: Buffer) => number,
  change?: Change,
  keep?: (middle: Middle) => void,
): Partial<AgentsOptions> {
  return {
    async between(port) {
      const middle = await Middle.before(port, unit, change);
      keep?.(middle);
      open.push(middle);
      return middle.port;
    },
  };
}
