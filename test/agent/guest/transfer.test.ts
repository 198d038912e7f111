import { afterEach, expect, test } from 'vitest';
import { receiveGuest } from '../../../src/agent/guest/receive-guest.js';
import { type GuestSource, sendGuest } from '../../../src/agent/guest/send-guest.js';
import { connectChannel } from '../../../src/channel/connect.js';
import { FRAME, MAX_BODY_BYTES } from '../../../src/channel/frame.js';
import type { FrameChannel } from '../../../src/channel/frame-channel.js';
import { digestText } from '../../../src/dedup/image-digest.js';
import { adaptive } from '../../../src/strategy/adaptive/adaptive.js';
import { smallest } from '../../../src/strategy/smallest.js';
import { Host, KEPT, migrate, Stage, testGuest, within } from '../../channel/hosts.js';
import { guestDigestOf } from '../../reference/guest-digest.js';
import { imageDigest } from '../../reference/image-digest.js';
import { guestImage, laterImage } from '../../support/images.js';

const PAGE = 4096;
let host: Host;
afterEach(() => host.close());

test.each(['secure', 'insecure'] as const)(
  '%s: a guest arrives, is verified, and is applied then',
  async (kind) => {
    host = await Host.listening(KEPT[kind].destination);
    const guest = testGuest(7, 60);
    const stage = new Stage();
    const before: string[] = [];
    const onCommit = () => {
      before.push(...stage.calls);
    };
    const { sent, received } = await migrate(host, KEPT[kind].source, {
      guest: { ...guest, onCommit },
      stage,
    });
    expect(before).toEqual(['open']);
    expect(stage.calls).toEqual(['open', 'commit']);
    expect(Buffer.compare(stage.applied!, guest.memory)).toBe(0);
    const digest = digestText(guestDigestOf(guest.memory, PAGE));
    expect(sent).toMatchObject({ digest });
    const { name, tenant, pages } = guest;
    expect(received).toEqual({ guest: { name, tenant, pages, pageBytes: PAGE, base: undefined }, digest });
  },
);

test('a read that returns a value, as Buffer.copy does, is as good as one that returns nothing', async () => {
  host = await Host.listening(KEPT.insecure.destination);
  const memory = Buffer.from(guestImage(PAGE, 3));
  const read = (page: number, into: Uint8Array) => memory.copy(into, 0, page * PAGE, (page + 1) * PAGE);
  const guest = { name: 'copied', tenant: 't', pages: memory.length / PAGE, read };
  const { stage } = await migrate(host, KEPT.insecure.source, { guest: guest as unknown as GuestSource });
  expect(Buffer.compare(stage.applied!, memory)).toBe(0);
});

test('rounds that cannot be ended do not hide why the guest was not sent', async () => {
  host = await Host.listening(KEPT.insecure.destination);
  const rounds: Iterable<Iterable<number>> = {
    [Symbol.iterator]: () => ({
      next: () => ({ value: [1000], done: false }),
      return: () => {
        throw new Error('not ended');
      },
    }),
  };
  const { sent } = await migrate(host, KEPT.insecure.source, { guest: { ...testGuest(), rounds } });
  expect((sent as Error).message).toMatch(/page 1000 in a round/);
});

test('a guest arrives with the adaptive strategy on two threads', async () => {
  host = await Host.listening(KEPT.secure.destination);
  const guest = { ...testGuest(3, 2000), strategy: adaptive(), threads: 2 };
  const { stage } = await migrate(host, KEPT.secure.source, { guest });
  expect(Buffer.compare(stage.applied!, guest.memory)).toBe(0);
});

/** Two ends of a channel, and the frames of the guests' streams. */
async function pair() {
  host = await Host.listening(KEPT.secure.destination);
  const next = host.next();
  const source = await connectChannel({ address: `tls:127.0.0.1:${host.port}`, ...KEPT.secure.source });
  const destination = await next;
  const frames: Uint8Array[] = [];
  const receive = destination.receive.bind(destination);
  destination.receive = async () => {
    const frame = await receive();
    if (frame?.type === FRAME.PAGES || frame?.type === FRAME.END) frames.push(frame.body);
    return frame;
  };
  return { source, destination, frames };
}

/** Send guests one after the other; returns the stream of each, and what was applied. */
async function sendInTurn(guests: readonly GuestSource[]) {
  const { source, destination, frames } = await pair();
  const streams: Uint8Array[] = [];
  const stages: Stage[] = [];
  for (const guest of guests) {
    const stage = new Stage();
    await within('a guest', Promise.all([sendGuest(source, guest), receiveGuest(destination, stage)]));
    stages.push(stage);
    streams.push(new Uint8Array(Buffer.concat(frames.splice(0))));
  }
  const after = receiveGuest(destination, new Stage());
  await source.close();
  expect(await after).toBeUndefined();
  await host.close();
  return { streams, stages };
}

test('guests of two tenants over one channel: neither stream depends on the other guest', async () => {
  // Equal pages, so that deduplication across guests would show.
  const guests = ['tenant-1', 'tenant-2'].map((tenant) => () => ({
    ...testGuest(7, 20),
    tenant,
    name: 'guest',
  }));
  const together = await sendInTurn(guests.map((guest) => guest()));
  const alone = await Promise.all([await sendInTurn([guests[0]!()]), await sendInTurn([guests[1]!()])]);
  expect(together.stages.map(({ calls }) => calls)).toEqual([
    ['open', 'commit'],
    ['open', 'commit'],
  ]);
  for (const [i, { streams }] of alone.entries())
    expect(Buffer.compare(together.streams[i]!, streams[0]!)).toBe(0);
  expect(together.streams[0]!.length).toBeGreaterThan(20 * PAGE);
});

const from = (bytes: Uint8Array) => (page: number, into: Uint8Array) =>
  into.set(bytes.subarray(page * PAGE, (page + 1) * PAGE));

/** A guest that has changed since `image`, which both hosts have. */
function onBase(image: Uint8Array) {
  const now = laterImage(image, PAGE, 4);
  const base = { digest: imageDigest(image, PAGE), pages: image.length / PAGE, read: from(image) };
  const guest = {
    name: 'guest',
    tenant: 't',
    pages: now.length / PAGE,
    read: from(now),
    strategy: smallest,
    base,
  };
  return { guest, base, now };
}

test('pages of the base image are not sent', async () => {
  host = await Host.listening(KEPT.secure.destination);
  const { guest, base, now } = onBase(guestImage(PAGE, 9));
  const { sent, stage } = await migrate(host, KEPT.secure.source, {
    guest,
    stage: Object.assign(new Stage(), { base }),
  });
  expect(Buffer.compare(stage.applied!, now)).toBe(0);
  const { base: _, ...baseless } = guest;
  const whole = await migrate(host, KEPT.secure.source, { guest: baseless });
  expect(Buffer.compare(whole.stage.applied!, now)).toBe(0);
  expect((sent as { bytes: number }).bytes).toBeLessThan(0.7 * (whole.sent as { bytes: number }).bytes);
});

test.each([
  [
    'another',
    { digest: new Uint8Array(16).fill(0xab) },
    /source's base image is [0-9a-f]{32}, the destination's (ab){16}/,
  ],
  ['no', undefined, /source's base image is [0-9a-f]{32}, the destination's none/],
])('a destination with %s base image refuses before open is called', async (_, other, message) => {
  host = await Host.listening(KEPT.secure.destination);
  const { guest, base } = onBase(guestImage(PAGE, 9));
  const stage = Object.assign(new Stage(), other && { base: { ...base, ...other } });
  const { sent, received } = await migrate(host, KEPT.secure.source, { guest, stage });
  expect(sent).toMatchObject({ code: 'wrong-base', message: expect.stringMatching(message) });
  expect((sent as Error).message).toContain('refused');
  expect(received).toMatchObject({ code: 'wrong-base', message: expect.stringMatching(message) });
  expect(stage.calls).toEqual(['abort']);
});

test('a base image that does not match its digest: the guest is refused at its end', async () => {
  host = await Host.listening(KEPT.secure.destination);
  const image = guestImage(PAGE, 9);
  const { guest, base } = onBase(image);
  const stage = Object.assign(new Stage(), { base: { ...base, read: from(image.map((byte) => byte ^ 1)) } });
  const { sent, received } = await migrate(host, KEPT.secure.source, { guest, stage });
  expect(received).toMatchObject({ code: 'not-identical' });
  expect((sent as Error).message).toContain('failed: ');
  expect(stage.calls).toEqual(['open', 'abort']);
});

test('a destination that does not receive makes the source wait, and fail after stallMs', async () => {
  host = await Host.listening({ ...KEPT.secure.destination, stallMs: 20_000 });
  const next = host.next();
  const source = await connectChannel({
    address: `tls:127.0.0.1:${host.port}`,
    ...KEPT.secure.source,
    stallMs: 400,
  });
  const destination = await next;
  let sent = 0;
  const flood = async (channel: FrameChannel) => {
    for (; sent < 1000; sent++) await channel.send(FRAME.PAGES, new Uint8Array(MAX_BODY_BYTES));
  };
  await expect(within('a flood', flood(source))).rejects.toThrow('stalled, it accepted no byte for 400 ms');
  expect(sent).toBeLessThan(400);
  await within('the sockets', source.closed);
  await expect(within('the rest', drain(destination))).rejects.toThrow(
    /failed|closed|ECONNRESET|EPIPE|cut off|ended/,
  );
});

async function drain(channel: FrameChannel): Promise<void> {
  for (let frame = await channel.receive(); frame; frame = await channel.receive());
}
