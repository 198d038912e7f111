// Two agents and two QEMUs that are not there: recorded streams go in at one end and have to come out at the other.
import { expect, test, describe } from 'vitest';
import { type Agents, type AgentsOptions, startAgents } from '../support/agents.js';
import { FakeDestination, type FakeDestinationOptions, FakeSource } from '../support/fake-qemus.js';
import { memoryTrace } from '../support/qemu/memory-trace.js';
import { cut, fixture } from '../support/qemu/replay.js';
import { testFolder } from '../image/support.js';
import { within } from './hosts.js';

const folder = testFolder();

/** A whole migration: `streams` go in, one a connection, in pieces of `bytes` bytes. */
async function migrated(
  streams: readonly Uint8Array[],
  { bytes = 5000, answer, ...options }: { bytes?: number; answer?: Buffer } & Partial<AgentsOptions> = {},
) {
  const agents = await startAgents({ folder, ...options });
  const behaviour: FakeDestinationOptions = answer
    ? { took: ({ socket, pieces }, number) => number === 0 && pieces.length === 1 && socket.write(answer) }
    : {};
  const qemu = await FakeDestination.listening(agents.inPath, behaviour);
  const sources: FakeSource[] = [];
  for (const _ of streams) sources.push(await FakeSource.connect(agents.outPath));
  await within('the streams', Promise.all(streams.map((stream, i) => sources[i]!.write(cut(stream, bytes)))));
  // A QEMU with a return path closes once it has heard that all is well.
  if (answer) await within('the answer', until(() => sources[0]!.back.length >= answer.length));
  for (const { socket } of sources) socket.end();
  const ends = await agents.ended();
  await within('the sockets of QEMU', Promise.all(sources.map(({ closed }) => closed)));
  await agents.close();
  await qemu.close();
  return { agents, qemu, sources, ends };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

function expectSame(arrived: Buffer, stream: Buffer): void {
  const [got, sent] = [memoryTrace(arrived), memoryTrace(stream)];
  expect(got.places).toEqual(sent.places);
  expect(got.literals.equals(sent.literals)).toBe(true);
  if (got.records === sent.records) expect(arrived.equals(stream)).toBe(true);
  else expect(got.records).toBeLessThan(sent.records);
}

const infos = ({ source, destination }: Agents) => [source.said, destination.said];

describe.each(['secure', 'insecure'] as const)('%s', (kept) => {
  test.each(['plain', 'uuid', 'ignore-shared', 'xbzrle', 'return-path'])('%s arrives, and is proved', async (name) => {
    const stream = fixture(name);
    const answer = name === 'return-path' ? fixture('return-path-back') : undefined;
    const { agents, qemu, sources, ends } = await migrated([stream], { kept, answer });
    expect(ends).toEqual({ source: undefined, destination: undefined });
    expectSame(qemu.stream(), stream);
    expect(sources[0]!.back.equals(answer ?? Buffer.alloc(0))).toBe(true);
    const [out, into] = infos(agents);
    expect(out).toContain(
      name === 'xbzrle' ? 'info: all memory is sent; what QEMU coded itself is not in its digest' : 'info: all memory is sent',
    );
    expect(into).toMatch(/info: all memory is here, and proved: digest [0-9a-f]{32}/);
    expect(into).toContain('QEMU has taken the guest over');
    expect(`${out}${into}`).not.toContain('unread');
  });

  test.each([
    ['compress', 1, /QEMU's own compression/],
    ['dirty-bitmap', 1, /another live section, "dirty-bitmap"/],
    ['postcopy', 1, /postcopy: nothing is dropped, coded or held back/],
    ['multifd', 3, /more than one connection/],
    ['preempt', 2, /more than one connection/],
  ])('%s arrives, and it is said that it was not proved', async (name, connections, reason) => {
    const main = fixture(name);
    const others = name === 'preempt' ? [fixture('preempt-channel')] : [noise(300_000, 1), noise(70_001, 2)];
    const streams = [main, ...others.slice(0, connections - 1)];
    const answer = name === 'postcopy' ? fixture('postcopy-back') : undefined;
    const { agents, qemu, sources, ends } = await migrated(streams, { kept, answer });
    expect(ends).toEqual({ source: undefined, destination: undefined });
    expect(qemu.arrivals).toHaveLength(connections);
    expectSame(qemu.stream(), main);
    for (const [i, other] of streams.entries()) if (i > 0) expect(qemu.stream(i).equals(other)).toBe(true);
    expect(sources[0]!.back.equals(answer ?? Buffer.alloc(0))).toBe(true);
    for (const said of infos(agents)) {
      expect(said).toMatch(reason);
      expect(said).toContain('passed on unread from here on');
    }
    if (name !== 'dirty-bitmap') expect(infos(agents)[1]).toMatch(/its memory was not proved/);
  });
});

function noise(bytes: number, seed: number): Buffer {
  let state = seed;
  return Buffer.from(Uint8Array.from({ length: bytes }, () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16));
}

test.each([1, 7, 4095, 4104, 65_536])('cut into pieces of %d bytes, plain arrives', async (bytes) => {
  const stream = fixture('plain');
  // One byte at a time only as far as the first sections: every byte is a write.
  const pieces = bytes < 100 ? stream.subarray(0, 60_000 * bytes) : stream;
  const { qemu, ends } = await migrated([bytes < 100 ? stream : pieces], { bytes: Math.max(bytes, 100) });
  expect(ends.source).toBeUndefined();
  expectSame(qemu.stream(), stream);
});
