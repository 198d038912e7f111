// The end of a channel: what its signal, pending calls and later calls do, and what it leaves behind.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { receiveGuest } from '../../src/agent/guest/receive-guest.js';
import { sendGuest } from '../../src/agent/guest/send-guest.js';
import type { Channel } from '../../src/channel/channel.js';
import { connectChannel } from '../../src/channel/connect.js';
import { FRAME, MAX_BODY_BYTES } from '../../src/channel/frame.js';
import type { FrameChannel } from '../../src/channel/frame-channel.js';
import { tcp } from '../../src/channel/transports/tcp.js';
import { PageferryError } from '../../src/page/error.js';
import { Host, KEPT, localAddress, Stage, testGuest, within } from './hosts.js';

let host: Host;
afterEach(() => host.close());

async function pair(kind: keyof typeof KEPT): Promise<{ source: FrameChannel; destination: FrameChannel }> {
  host = await Host.listening(KEPT[kind].destination);
  const next = host.next();
  const address = localAddress(host.port, KEPT[kind].source);
  const source = await connectChannel({ address, ...KEPT[kind].source });
  return { source, destination: await next };
}

/** As if its process was killed: the system closes the connection, no CLOSE frame is sent. */
function die(channel: FrameChannel): void {
  Reflect.get(channel, 'socket').destroy();
}

function aborted({ signal }: Channel): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason));
  });
}

test.each(['secure', 'insecure'] as const)(
  '%s: a failure aborts the signals of both hosts with the first cause',
  async (kind) => {
    const { source, destination } = await pair(kind);
    expect([source.signal.aborted, destination.signal.aborted]).toEqual([false, false]);
    const pending = destination.receive().catch((error) => error);
    const cause = source.fail(new PageferryError('limit', 'too large'));
    expect(source.signal.reason).toBe(cause);
    const seen = await within('the destination', aborted(destination));
    expect(seen).toMatchObject({ code: 'limit', message: expect.stringContaining('failed: too large') });
    expect(await pending).toBe(seen);
    expect(source.fail(new Error('later'))).toBe(cause);
    await within('the sockets', Promise.all([source.closed, destination.closed]));
  },
);

test.each(['secure', 'insecure'] as const)(
  '%s: a peer that dies aborts the signal while nothing is received',
  async (kind) => {
    const { source, destination } = await pair(kind);
    const body = new Uint8Array(MAX_BODY_BYTES);
    // More than the destination reads ahead of `receive`, so that it has stopped to read.
    const flood = async () => {
      for (;;) await source.send(FRAME.PAGES, body);
    };
    flood().catch(() => {});
    await within('a full queue', untilFull(destination));
    die(source);
    const seen = await within('the destination', aborted(destination), 5000);
    expect(seen).toBeInstanceOf(PageferryError);
    await expect(destination.receive()).rejects.toBe(seen);
  },
);

async function untilFull(channel: FrameChannel): Promise<void> {
  while (!Reflect.get(channel, 'isFull')) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('a peer that dies between two frames is a failure, a peer that closes is not', async () => {
  const first = await pair('insecure');
  die(first.source);
  await expect(within('the end', first.destination.receive())).rejects.toThrow(/closed|ended in the middle/);
  await host.close();
  const { source, destination } = await pair('insecure');
  await source.send(FRAME.PAGES, Uint8Array.of(7));
  await source.close();
  await within('the sockets', destination.closed);
  // What was sent before the end is received after it.
  expect(destination.signal.aborted).toBe(true);
  expect([...(await destination.receive())!.body]).toEqual([7]);
  expect(await destination.receive()).toBeUndefined();
  await expect(destination.send(FRAME.ACCEPT)).rejects.toThrow('closed the channel');
});

test('a destination that closes behind a frame that is not read yet ends sendGuest', async () => {
  const { source, destination } = await pair('insecure');
  async function* rounds() {
    await new Promise(() => {});
    yield [0];
  }
  const sending = sendGuest(source, { ...testGuest(), rounds: rounds() });
  sending.catch(() => {});
  await destination.expect(FRAME.GUEST);
  await destination.send(FRAME.ACCEPT);
  await destination.expect(FRAME.PAGES);
  await destination.send(FRAME.VERIFIED, new Uint8Array(16));
  await destination.close();
  await expect(within('the source', sending)).rejects.toThrow('closed the channel');
});

test('frames of one byte fill the queue too', async () => {
  const { source, destination } = await pair('insecure');
  const flood = async () => {
    for (;;) await source.send(FRAME.PAGES, Uint8Array.of(7));
  };
  flood().catch(() => {});
  await within('a full queue', untilFull(destination));
  // What it holds was measured as about 800 bytes a frame.
  expect(Reflect.get(destination, 'queue').length).toBeLessThan(40_000);
  source.fail(new PageferryError('io', 'enough'));
});

test('a short frame does not keep the buffer that it was read into', async () => {
  const { source, destination } = await pair('insecure');
  for (let i = 0; i < 500; i++) await source.send(FRAME.PAGES, new Uint8Array(100).fill(i));
  for (let i = 0; i < 500; i++) {
    const { body } = (await destination.receive())!;
    expect([...body]).toEqual(Array(100).fill(i % 256));
    expect(body.buffer.byteLength).toBeLessThanOrEqual(400);
  }
});

test.each(['secure', 'insecure'] as const)(
  '%s: one frame at a time is given to the socket, in the order of the calls',
  async (kind) => {
    const { source, destination } = await pair(kind);
    const socket = Reflect.get(source, 'socket');
    const sends = Array.from({ length: 300 }, (_, i) =>
      source.send(FRAME.PAGES, new Uint8Array(MAX_BODY_BYTES).fill(i)),
    );
    // Nothing is read from the destination's queue: the kernel's buffers are full, and most calls wait.
    await within('a full queue', untilFull(destination));
    expect(socket.writableNeedDrain).toBe(true);
    expect(socket.writableLength).toBeLessThan(2 * MAX_BODY_BYTES);
    for (let i = 0; i < sends.length; i++)
      expect((await within('a frame', destination.receive()))!.body[0]).toBe(i % 256);
    await Promise.all(sends);
  },
);

test.each([
  [
    'throws',
    () => {
      throw new Error('a fault of the program');
    },
  ],
  ['rejects', () => Promise.reject(new Error('a fault of the program'))],
])('an onChannel that %s ends its channel with the cause', async (_, onChannel) => {
  host = await Host.listening({ ...KEPT.insecure.destination, onChannel });
  const address = localAddress(host.port, KEPT.insecure.source);
  const ended = connectChannel({ address, ...KEPT.insecure.source }).then((source) => source.receive());
  await expect(within('the end', ended)).rejects.toThrow(/failed: .*a fault of the program/);
  expect((await host.firstRefusal()).message).toContain('a fault of the program');
});

test('a connection that cannot be accepted is reported, and the listener goes on', async () => {
  const created = vi.spyOn(tcp, 'createServer');
  host = await Host.listening(KEPT.insecure.destination);
  created.mock.results[0]!.value.server.emit('error', new Error('accept ENFILE'));
  created.mockRestore();
  expect((await host.firstRefusal()).message).toMatch(/cannot accept a connection: accept ENFILE/);
  const next = host.next();
  const address = localAddress(host.port, KEPT.insecure.source);
  await connectChannel({ address, ...KEPT.insecure.source });
  await within('a channel', next);
});

test('close is idempotent and wakes a pending receive', async () => {
  const { source, destination } = await pair('secure');
  const pending = source.receive();
  const rejected = expect(pending).rejects.toThrow('the channel was closed on this host');
  await within('the end', Promise.all([source.close(), source.close(), rejected]));
  await source.close();
  await destination.close();
});

test('a second call on a channel is refused, and the first goes on', async () => {
  const { source, destination } = await pair('secure');
  const guest = testGuest();
  const sending = sendGuest(source, guest);
  await expect(sendGuest(source, testGuest(8))).rejects.toThrow('the channel is used by another call');
  const stage = new Stage();
  await within('a guest', Promise.all([sending, receiveGuest(destination, stage)]));
  expect(Buffer.compare(stage.applied!, guest.memory)).toBe(0);
  await expect(sendGuest({} as Channel, guest)).rejects.toThrow('expected one from connectChannel');
});

test('a page that is never read: the end of the channel ends sendGuest, and its rounds', async () => {
  const { source, destination } = await pair('secure');
  const guest = { ...testGuest(), read: () => new Promise<void>(() => {}) };
  const sending = sendGuest(source, guest);
  const stage = new Stage();
  const receiving = receiveGuest(destination, stage).catch((error) => error);
  while (stage.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const cause = destination.fail(new PageferryError('io', 'stopped'));
  await expect(within('the source', sending)).rejects.toThrow('failed: stopped');
  expect(await receiving).toBe(cause);
});

test('unix: a guest arrives over a socket that only its owner can use', async () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-channel-'));
  const address = `unix:${join(folder, 'socket')}`;
  try {
    host = await Host.listening({ address });
    expect(fs.statSync(join(folder, 'socket')).mode & 0o777).toBe(0o600);
    const next = host.next();
    const source = await connectChannel({ address });
    const guest = testGuest();
    const stage = new Stage();
    await within('a guest', Promise.all([sendGuest(source, guest), receiveGuest(await next, stage)]));
    expect(Buffer.compare(stage.applied!, guest.memory)).toBe(0);
    await source.close();
  } finally {
    await host.close();
    fs.rmSync(folder, { recursive: true });
  }
});
