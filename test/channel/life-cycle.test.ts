// The end of a channel: what its signal, pending calls and later calls do, and what it leaves behind.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { receiveGuest } from '../../src/agent/guest/receive-guest.js';
import { sendGuest } from '../../src/agent/guest/send-guest.js';
import type { Channel } from '../../src/channel/channel.js';
import { connectChannel } from '../../src/channel/connect.js';
import { FRAME, MAX_BODY_BYTES } from '../../src/channel/frame.js';
import type { FrameChannel } from '../../src/channel/frame-channel.js';
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
  expect([...(await destination.receive())!.body]).toEqual([7]);
  expect(destination.signal.aborted).toBe(false);
  expect(await destination.receive()).toBeUndefined();
  expect(destination.signal.aborted).toBe(true);
  await expect(destination.send(FRAME.ACCEPT)).rejects.toThrow('closed the channel');
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
