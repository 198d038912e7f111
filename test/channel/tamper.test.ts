import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { receiveGuest } from '../../src/agent/guest/receive-guest.js';
import { connectChannel } from '../../src/channel/connect.js';
import type { PageferryError } from '../../src/page/error.js';
import { Host, KEPT, localAddress, migrate, Stage, testGuest, within } from './hosts.js';
import { type Change, Middle, UNITS } from './relay.js';

/** A unit in the middle of the pages: the guest's stream takes many of either kind. */
const UNIT = 12;
const NOISE_PAGES = 600;
/** For the attack that stalls; the others have the default, so that a busy machine does not fail them. */
const STALL_MS = 3000;

let host: Host;
let middle: Middle;
afterEach(async () => {
  middle.close();
  await host.close();
});

const flipped = (unit: Buffer, at: number) => {
  const changed = Buffer.from(unit);
  changed[at]! ^= 0x40;
  return changed;
};

/** A change of one unit from the source, and the error of either kind of channel. */
const ATTACKS: Record<
  string,
  { change: (kept: Buffer[]) => Change; secure: RegExp; insecure: RegExp; stallMs?: number }
> = {
  'a byte is altered': {
    change: () => (unit, i) => [i === UNIT ? flipped(unit, unit.length >> 1) : unit],
    secure: /bad record mac|decryption failed/,
    insecure: /record \d+(, segment \d+)?: damaged/,
  },
  'a byte of a head is altered': {
    change: () => (unit, i) => [i === UNIT ? flipped(unit, 1) : unit],
    secure: /wrong version number|bad record mac|decryption failed|version/,
    insecure: /frame \d+: head check is 0x/,
  },
  'the connection ends in the middle': {
    change: () => (_, i) => (i === UNIT ? 'cut' : [_]),
    secure: /the connection ended in the middle|closed|cut off/,
    insecure: /the connection ended in the middle/,
  },
  'the connection ends within a unit': {
    change: () => (unit, i) => (i < UNIT ? [unit] : i === UNIT ? [unit.subarray(0, unit.length - 9)] : 'cut'),
    secure: /the connection ended in the middle|closed|cut off|eof/i,
    insecure: /cut off after/,
  },
  'a unit is repeated': {
    change: () => (unit, i) => (i === UNIT ? [unit, unit] : [unit]),
    secure: /bad record mac|decryption failed/,
    insecure: /frame \d+: has number \d+: repeated, lost or out of order/,
  },
  'an earlier unit is repeated': {
    change: (kept) => (unit, i) => {
      kept.push(unit);
      return i === UNIT ? [kept[UNIT - 4]!, unit] : [unit];
    },
    secure: /bad record mac|decryption failed/,
    insecure: /frame \d+: has number \d+/,
  },
  'a unit is lost': {
    change: () => (unit, i) => (i === UNIT ? [] : [unit]),
    secure: /bad record mac|decryption failed/,
    insecure: /frame \d+: has number \d+/,
  },
  'two units change places': {
    change: (kept) => (unit, i) => {
      kept.push(unit);
      return i === UNIT ? [] : i === UNIT + 1 ? [unit, kept[UNIT]!] : [unit];
    },
    secure: /bad record mac|decryption failed/,
    insecure: /frame \d+: has number \d+/,
  },
  'nothing more arrives, and the connection stays open': {
    change: () => (unit, i) => (i < UNIT ? [unit] : []),
    secure: /stalled, it sent no byte for 3000 ms/,
    insecure: /stalled, it sent no byte for 3000 ms/,
    stallMs: STALL_MS,
  },
};

describe.each(['secure', 'insecure'] as const)('%s', (kind) => {
  const { source, destination } = KEPT[kind];

  test.each(Object.keys(ATTACKS))('%s: refused, and nothing is applied', async (name) => {
    const attack = ATTACKS[name]!;
    const { stallMs = 30_000 } = attack;
    host = await Host.listening({ ...destination, stallMs });
    middle = await Middle.before(host.port, UNITS[kind], attack.change([]));
    const guest = testGuest(7, NOISE_PAGES);
    const { sent, received, stage } = await migrate(
      host,
      { ...source, stallMs },
      { port: middle.port, guest },
    );
    expect(stage.calls).toEqual(['open', 'abort']);
    expect(stage.applied).toBeUndefined();
    expect((received as Error).message).toMatch(attack[kind]);
    expect(received).toBe(stage.reason);
    expect(sent).toBeInstanceOf(Error);
    expect((sent as Error).message).toMatch(/^127.0.0.1:\d+/);
    expect(middle.units.length).toBeGreaterThan(UNIT);
  });

  test('a recorded session is refused by another listener', async () => {
    host = await Host.listening({ ...destination, stallMs: STALL_MS, handshakeMs: STALL_MS });
    middle = await Middle.before(host.port, UNITS[kind]);
    const first = await migrate(host, source, { port: middle.port });
    expect(first.stage.calls).toEqual(['open', 'commit']);
    await host.close();

    host = await Host.listening({ ...destination, stallMs: STALL_MS, handshakeMs: STALL_MS });
    const stage = new Stage();
    const receiving = host
      .next()
      .then((channel) => receiveGuest(channel, stage).catch((error: PageferryError) => error));
    const replay = connect(host.port, '127.0.0.1');
    replay.on('error', () => {});
    // Without the CLOSE frame at its end, which ends a plain channel before its guest is looked at.
    replay.write(Buffer.concat(kind === 'secure' ? middle.units : middle.units.slice(0, -1)));
    replay.resume();
    const why = await within('a refusal', kind === 'secure' ? host.firstRefusal() : receiving);
    expect((why as Error).message).toMatch(
      kind === 'secure'
        ? /bad record mac|decryption failed|bad signature|bad key share|digest check failed/
        : /a frame of session \w+, this one is \w+: replayed/,
    );
    expect(stage.calls).toEqual(kind === 'secure' ? [] : ['abort']);
    replay.destroy();
  });
});

test('what a destination said before is of no use to another source', async () => {
  const { source, destination } = KEPT.insecure;
  host = await Host.listening(destination);
  middle = await Middle.before(host.port, UNITS.insecure);
  const { sent } = await migrate(host, source, { port: middle.port });
  expect(sent).toHaveProperty('digest');
  const recorded = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume().write(Buffer.concat(middle.answers));
  }).listen(0, '127.0.0.1');
  await once(recorded, 'listening');
  const { port } = recorded.address() as AddressInfo;
  await expect(connectChannel({ address: localAddress(port, source), ...source })).rejects.toThrow(
    /a frame of session \w+, this one is \w+: replayed/,
  );
  recorded.close();
});

describe.each(['secure', 'insecure'] as const)('%s, at every place', (kind) => {
  test.each(['altered', 'cut'])('%s: applied is nothing, or all of it', async (how) => {
    const { source, destination } = KEPT[kind];
    const times = { stallMs: STALL_MS, handshakeMs: STALL_MS };
    host = await Host.listening({ ...destination, ...times });
    let applied = 0;
    let places = 0;
    // The first one is left alone, and tells how many there are.
    for (let place = -1; place < places; place++) {
      const change: Change = (unit, i) =>
        i !== place ? [unit] : how === 'cut' ? 'cut' : [flipped(unit, unit.length - 1)];
      middle = await Middle.before(host.port, UNITS[kind], change);
      const guest = testGuest();
      const stage = new Stage();
      const ended = await migrate(host, { ...source, ...times }, { port: middle.port, guest, stage }).catch(
        (error: Error) => error,
      );
      middle.close();
      places = Math.max(places, middle.units.length);
      expect([[], ['abort'], ['open', 'abort'], ['open', 'commit']]).toContainEqual(stage.calls);
      if (stage.applied) {
        applied++;
        expect(Buffer.compare(stage.applied, guest.memory)).toBe(0);
      } else expect(ended instanceof Error || ended.sent instanceof Error).toBe(true);
    }
    // A change to bytes after the source's last frame has no effect.
    expect(places).toBeGreaterThan(6);
    expect(applied).toBeLessThanOrEqual(places - 4);
  });
});
