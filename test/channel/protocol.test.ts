import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { receiveGuest } from '../../src/agent/guest/receive-guest.js';
import { connectChannel } from '../../src/channel/connect.js';
import { FRAME, type FrameType, frameBytes, HEAD_BYTES, ROLE_IDS } from '../../src/channel/frame.js';
import { encodeGuest, type GuestInfo } from '../../src/channel/guest-info.js';
import { encodeHandshake } from '../../src/channel/handshake-messages.js';
import { Host, KEPT, localAddress, migrate, Stage, testGuest, within } from './hosts.js';

const { source: SOURCE, destination: DESTINATION } = KEPT.insecure;
const GUEST: GuestInfo = { name: 'guest', tenant: 't', pageBytes: 4096, pages: 4 };
const ID = new Uint8Array(16).fill(1);
const HANDSHAKE = encodeHandshake({
  role: 'source',
  stallMs: 9000,
  sessionId: ID,
  peerSessionId: new Uint8Array(16),
});
let host: Host | undefined;
afterEach(() => host?.close());

/** Send bytes to a host as its source; returns the error, what the host sent, and the calls for a guest. */
async function refusal(
  bytes: readonly Uint8Array[],
  stage = new Stage(),
): Promise<{ error: Error; received: string; calls: readonly string[] }> {
  host = await Host.listening({ ...DESTINATION, stallMs: 1000, handshakeMs: 1000 });
  const receiving = host
    .next()
    .then((channel) => receiveGuest(channel, stage).catch((error: Error) => error));
  const socket = connect(host!.port, '127.0.0.1');
  socket.on('error', () => {});
  const received: Buffer[] = [];
  socket.on('data', (data) => received.push(data));
  socket.write(Buffer.concat(bytes));
  const error = (await within('a refusal', Promise.race([host.firstRefusal(), receiving]))) as Error;
  await within('the end', once(socket, 'close'));
  await host.close();
  return { error, received: Buffer.concat(received).toString(), calls: stage.calls };
}

/** A source over plain TCP that sends the frames that it is given. */
async function plainSource(): Promise<{
  socket: Socket;
  say: (type: FrameType, ...parts: Uint8Array[]) => void;
  session: Uint8Array;
}> {
  const socket = connect(host!.port, '127.0.0.1');
  let count = 0;
  const say = (type: FrameType, ...parts: Uint8Array[]) =>
    socket.write(frameBytes('source', type, count++, parts));
  say(FRAME.HANDSHAKE, HANDSHAKE);
  const [welcome] = (await once(socket, 'data')) as [Buffer];
  return { socket, say, session: welcome.subarray(HEAD_BYTES + 16, HEAD_BYTES + 32) };
}

const altered = (bytes: Uint8Array, at: number, value: number) => {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
};

test('a source with another version is refused, and both versions are named', async () => {
  const { error, received } = await refusal([
    frameBytes('source', FRAME.HANDSHAKE, 0, [altered(HANDSHAKE, 8, 1)]),
  ]);
  expect(error).toMatchObject({ code: 'unsupported' });
  expect(error.message).toMatch(/the source uses protocol version 1, this host version 3/);
  expect(received).toContain('the source uses protocol version 1, this host version 3');
});

test('a destination with another version is refused, and both versions are named', async () => {
  const newer = encodeHandshake({ role: 'destination', stallMs: 1, sessionId: ID, peerSessionId: ID });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume().write(frameBytes('destination', FRAME.HANDSHAKE_REPLY, 0, [altered(newer, 8, 7)]));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const connecting = connectChannel({ address: `tcp:127.0.0.1:${port}`, ...SOURCE });
  await expect(connecting).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/the destination uses protocol version 7, this host version 3/),
  });
  server.close();
});

/** A first frame that claims `length` bytes. */
const oversized = (type: FrameType, length: number) => {
  const frame = Buffer.from(frameBytes('source', type, 0, []));
  frame.writeUInt32LE(length);
  frame.writeUInt32LE(crc32(frame.subarray(0, HEAD_BYTES - 4), ROLE_IDS.source), HEAD_BYTES - 4);
  return frame;
};

test.each([
  [
    'noise',
    [new Uint8Array(100).fill(0x5a)],
    /frame 0: head check is .*altered, or the peer is not a pageferry agent/,
  ],
  [
    'a frame that is too long',
    [oversized(FRAME.HANDSHAKE, 0xffffffff)],
    /frame 0: handshake of 4294967295 bytes, at most 8192/,
  ],
  [
    'pages that are too long',
    [oversized(FRAME.PAGES, (1 << 17) + 1)],
    /frame 0: pages of 131073 bytes, at most 131072/,
  ],
  ['pages without a byte', [frameBytes('source', FRAME.PAGES, 0, [])], /frame 0: pages without a byte/],
  ['an unknown type', [frameBytes('source', 77 as FrameType, 0, [])], /type 77, this version knows 1 … 27/],
  [
    'a frame that was sent back',
    [frameBytes('destination', FRAME.HANDSHAKE, 0, [HANDSHAKE])],
    /altered, or the peer is not a pageferry agent/,
  ],
  [
    'pages before a handshake',
    [frameBytes('source', FRAME.PAGES, 0, [HANDSHAKE])],
    /a frame "pages" where "handshake" was expected/,
  ],
  [
    'a handshake of another role',
    [frameBytes('source', FRAME.HANDSHAKE, 0, [altered(HANDSHAKE, 10, 2)])],
    /role 2, expected 1/,
  ],
  [
    'a handshake without magic',
    [frameBytes('source', FRAME.HANDSHAKE, 0, [altered(HANDSHAKE, 0, 0)])],
    /not the handshake of a pageferry agent/,
  ],
  [
    'a handshake that is too short',
    [frameBytes('source', FRAME.HANDSHAKE, 0, [HANDSHAKE.subarray(0, 20)])],
    /needs \d+ more/,
  ],
])('%s is refused before anything else', async (_, bytes, message) => {
  const { error, calls } = await refusal(bytes);
  expect(error.message).toMatch(message);
  expect(calls).toEqual([]);
});

test('a handshake that never arrives', async () => {
  const { error, received } = await refusal([]);
  expect(error.message).toMatch(/no handshake within 1000 ms|stalled, it sent no byte for 1000 ms/);
  expect(received).toMatch(/no handshake|stalled/);
});

test.each<
  [
    string,
    (say: (type: FrameType, ...parts: Uint8Array[]) => void, session: Uint8Array) => void,
    RegExp,
    string[],
  ]
>([
  [
    'pages without a guest',
    (say) => say(FRAME.PAGES, ID),
    /a frame "pages" where "guest" was expected/,
    ['abort'],
  ],
  [
    'a guest for another session',
    (say) => say(FRAME.GUEST, encodeGuest(GUEST, ID)),
    /a frame of session (01){16}, this one is/,
    ['abort'],
  ],
  [
    'a guest that is too large',
    (say, session) => say(FRAME.GUEST, encodeGuest({ ...GUEST, pages: 2 ** 30 }, session)),
    /guest "guest": 4398046511104 bytes, maxGuestBytes is 1099511627776/,
    ['abort'],
  ],
  [
    'an unknown page size',
    (say, session) => say(FRAME.GUEST, encodeGuest({ ...GUEST, pageBytes: 5000 as 4096 }, session)),
    /pages of 5000 bytes/,
    ['abort'],
  ],
  [
    'noise where pages should be',
    (say, session) => {
      say(FRAME.GUEST, encodeGuest(GUEST, session));
      say(FRAME.PAGES, new Uint8Array(500).fill(9));
    },
    /not a pageferry stream/,
    ['open', 'abort'],
  ],
  [
    'a commit before the guest was verified',
    (say, session) => {
      say(FRAME.GUEST, encodeGuest(GUEST, session));
      say(FRAME.COMMIT);
    },
    /a frame "commit" where "pages" was expected/,
    ['open', 'abort'],
  ],
  [
    'an end without its record',
    (say, session) => {
      say(FRAME.GUEST, encodeGuest(GUEST, session));
      say(FRAME.END);
    },
    /an end of 0 bytes without the guest's digest/,
    ['open', 'abort'],
  ],
])('%s: refused, and nothing is applied', async (_, speak, message, calls) => {
  host = await Host.listening({ ...DESTINATION, stallMs: 1000 });
  const stage = new Stage();
  const receiving = host.next().then((channel) => receiveGuest(channel, stage));
  receiving.catch(() => {});
  const { socket, say, session } = await plainSource();
  speak(say, session);
  const error = await within(
    'a refusal',
    receiving.then(() => undefined).catch((cause: Error) => cause),
  );
  expect(error?.message).toMatch(message);
  expect(stage.calls).toEqual(calls);
  socket.resume();
  await within('the end', once(socket, 'close'));
});

test.each(['secure', 'insecure'] as const)(
  '%s: a source that sends nothing any more is given up',
  async (kind) => {
    host = await Host.listening({ ...KEPT[kind].destination, stallMs: 500 });
    const stage = new Stage();
    const receiving = host.next().then((channel) => receiveGuest(channel, stage));
    const source = await connectChannel({
      address: localAddress(host.port, KEPT[kind].source),
      ...KEPT[kind].source,
    });
    // As if its process was stopped: no keepalives any more.
    Reflect.get(source, 'keepalive').stop();
    await source.send(FRAME.GUEST, encodeGuest(GUEST, source.session!.peerId));
    await expect(within('a stall', receiving)).rejects.toThrow('stalled, it sent no byte for 500 ms');
    expect(stage.calls).toEqual(['open', 'abort']);
    await expect(source.expect(FRAME.ACCEPT).then(() => source.expect(FRAME.VERIFIED))).rejects.toThrow(
      /failed: .*stalled, it sent no byte/,
    );
  },
);

test('keepalives: a source that has nothing to send for long is not given up', async () => {
  host = await Host.listening({ ...KEPT.secure.destination, stallMs: 1000 });
  const guest = testGuest();
  async function* rounds() {
    await new Promise((resolve) => setTimeout(resolve, 2500));
    yield* guest.rounds as Iterable<Iterable<number>>;
  }
  const { stage } = await migrate(
    host,
    { ...KEPT.secure.source, stallMs: 1000 },
    { guest: { ...guest, rounds: rounds() } },
  );
  expect(Buffer.compare(stage.applied!, guest.memory)).toBe(0);
});
