import { afterEach, describe, expect, test } from 'vitest';
import { receiveGuest } from '../../../src/agent/guest/receive-guest.js';
import { sendGuest } from '../../../src/agent/guest/send-guest.js';
import { connectChannel } from '../../../src/channel/connect.js';
import { FRAME } from '../../../src/channel/frame.js';
import type { FrameChannel } from '../../../src/channel/frame-channel.js';
import { PageferryError } from '../../../src/page/error.js';
import { Host, KEPT, localAddress, migrate, Stage, testGuest, within } from '../../channel/hosts.js';

const NOISE_PAGES = 600;
let host: Host;
afterEach(() => host.close());

/** A guest that calls `act` in the middle of its stream. */
function guestThat(act: () => void) {
  const guest = testGuest(7, NOISE_PAGES);
  let reads = 0;
  const read = (page: number, into: Uint8Array) => {
    if (++reads === guest.pages + 300) act();
    return guest.read(page, into);
  };
  return { ...guest, read };
}

/** A stage that calls `act` at its page number `pages`. */
function stageThat(act: (stage: Stage) => void, pages = 300): Stage {
  const stage = new Stage();
  const write = stage.staged.write.bind(stage.staged);
  let writes = 0;
  stage.staged.write = (page, bytes) => {
    if (++writes === pages) act(stage);
    write(page, bytes);
  };
  return stage;
}

const fails = (message: string) => () => {
  throw new Error(message);
};

describe.each(['secure', 'insecure'] as const)('%s', (kind) => {
  const { source, destination } = KEPT[kind];

  test.each([
    ['cannot open', Object.assign(new Stage(), { open: fails('no memory') }), 'no memory', 'refused'],
    ['cannot write', stageThat(fails('disk full')), 'disk full', 'failed'],
  ])('a destination that %s reports the cause to both hosts', async (_, stage, why, verb) => {
    host = await Host.listening(destination);
    const { sent, received } = await migrate(host, source, { guest: testGuest(7, NOISE_PAGES), stage });
    expect((received as Error).message).toContain(why);
    expect((sent as Error).message).toMatch(new RegExp(`^127.0.0.1:\\d+ ${verb}: .*${why}`));
    expect(stage.calls.at(-1)).toBe('abort');
    expect(stage.applied).toBeUndefined();
  });

  test.each([
    ['cannot read a page', guestThat(fails('page lost')), /page lost/],
    [
      'yields a page that the guest does not have',
      { ...testGuest(), rounds: [[3], [1000]] },
      /guest "guest-7": page 1000 in a round, it has 17/,
    ],
    ['cannot give the guest up', { ...testGuest(), onCommit: fails('will not stop') }, /will not stop/],
  ])('a source that %s reports the cause to both hosts', async (_, guest, why) => {
    host = await Host.listening(destination);
    const { sent, received, stage } = await migrate(host, source, { guest });
    expect((sent as Error).message).toMatch(why);
    expect((received as Error).message).toMatch(new RegExp(`^127.0.0.1:\\d+ failed: .*${why.source}`));
    expect(stage.calls).toEqual(['open', 'abort']);
  });

  test('a destination that cannot apply: it discards the guest, which the source cannot know', async () => {
    host = await Host.listening(destination);
    const stage = Object.assign(new Stage(), { commit: fails('no such device') });
    const { sent, received } = await migrate(host, source, { stage });
    expect((received as Error).message).toBe('no such device');
    expect(stage.calls).toEqual(['open', 'abort']);
    expect((sent as Error).message).toMatch(/it may run there: .* failed: no such device/);
  });

  test.each<[string, (stop: AbortController) => void]>([
    ['is cancelled', (stop) => stop.abort()],
    ['finds its source stalled', () => host.channels[0]!.fail(new PageferryError('io', 'stalled'))],
  ])('a destination that %s while it applies the guest reports no failure', async (_, act) => {
    const stop = new AbortController();
    host = await Host.listening({ ...destination, signal: stop.signal });
    const stage = new Stage();
    const commit = stage.commit;
    const applying = Object.assign(stage, {
      commit: async () => {
        act(stop);
        await host.channels[0]!.closed;
        commit();
      },
    });
    const { sent, received } = await migrate(host, source, { stage: applying });
    expect(received).toHaveProperty('unconfirmed.code', 'io');
    expect(stage.calls).toEqual(['open', 'commit']);
    expect((sent as Error).message).toMatch(/^guest "guest-7": .* it may run there: /);
    expect((sent as Error).message).not.toContain('failed');
  });

  test('a source that is cancelled', async () => {
    host = await Host.listening(destination);
    const stop = new AbortController();
    const guest = guestThat(() => stop.abort());
    const { sent, received, stage } = await migrate(host, { ...source, signal: stop.signal }, { guest });
    expect((sent as Error).message).toMatch(/^127.0.0.1:\d+: cancelled on this host/);
    expect((received as Error).message).toMatch(/failed: .*: cancelled on this host/);
    expect(stage.calls).toEqual(['open', 'abort']);
  });

  test('a destination that is cancelled', async () => {
    const stop = new AbortController();
    host = await Host.listening({ ...destination, signal: stop.signal });
    const stage = stageThat(() => stop.abort());
    const { sent, received } = await migrate(host, source, { guest: testGuest(7, NOISE_PAGES), stage });
    expect((sent as Error).message).toMatch(/failed: .*: cancelled on this host/);
    expect((received as Error).message).toMatch(/cancelled on this host/);
    expect(stage.calls).toEqual(['open', 'abort']);
  });

  test('a destination that dies', async () => {
    host = await Host.listening(destination);
    const stage = stageThat(() => die(host.channels[0]!));
    const { sent } = await migrate(host, source, { guest: testGuest(7, NOISE_PAGES), stage });
    expect((sent as Error).message).toMatch(
      /^127.0.0.1:\d+: .*(closed|ECONNRESET|EPIPE|the connection ended in the middle)/,
    );
    expect(stage.calls).toEqual(['open', 'abort']);
  });

  test('a source that dies', async () => {
    host = await Host.listening(destination);
    const next = host.next();
    const channel = await connectChannel({ address: localAddress(host.port, source), ...source });
    const stage = new Stage();
    const receiving = next.then((other) => receiveGuest(other, stage));
    const sending = sendGuest(
      channel,
      guestThat(() => die(channel)),
    );
    await expect(within('the source', sending)).rejects.toThrow('closed');
    await expect(within('the destination', receiving)).rejects.toThrow(
      /closed|ECONNRESET|the connection ended in the middle|cut off/,
    );
    expect(stage.calls).toEqual(['open', 'abort']);
  });

  test('a destination that dies while the source waits for its guest', async () => {
    host = await Host.listening(destination);
    const guest = testGuest();
    async function* rounds() {
      yield [1];
      await new Promise(() => die(host.channels[0]!));
    }
    const { sent } = await migrate(host, source, { guest: { ...guest, rounds: rounds() } });
    expect((sent as Error).message).toMatch(/^127.0.0.1:\d+: /);
  });

  test('a destination that dies after COMMIT: the source reports that the guest may run there', async () => {
    host = await Host.listening(destination);
    const stage = new Stage();
    const commit = stage.commit;
    const dying = Object.assign(stage, {
      commit: async () => {
        commit();
        die(host.channels[0]!);
        await host.channels[0]!.closed;
      },
    });
    const { sent, received } = await migrate(host, source, { stage: dying });
    expect((sent as Error).message).toMatch(
      /^guest "guest-7": the destination did not confirm that it applied the guest, it may run there: /,
    );
    expect(received).toHaveProperty('unconfirmed.code', 'io');
    expect(stage.calls).toEqual(['open', 'commit']);
  });
});

test('a destination that verifies another guest than the one that was sent', async () => {
  host = await Host.listening(KEPT.secure.destination);
  const next = host.next();
  const channel = await connectChannel({ address: `tls:127.0.0.1:${host.port}`, ...KEPT.secure.source });
  const sending = sendGuest(channel, testGuest());
  sending.catch(() => {});
  const destination = await next;
  await destination.expect(FRAME.GUEST);
  await destination.send(FRAME.ACCEPT);
  for (
    let frame = await destination.receive();
    frame?.type !== FRAME.END;
    frame = await destination.receive()
  );
  await destination.send(FRAME.VERIFIED, new Uint8Array(16).fill(7));
  await expect(within('the source', sending)).rejects.toThrow(
    /destination verified a guest with digest (07){16}, sent was [0-9a-f]{32}/,
  );
  await expect(destination.expect(FRAME.COMMIT)).rejects.toThrow(/failed: the destination verified a guest/);
});

test('every call of a failed channel throws the first cause', async () => {
  host = await Host.listening(KEPT.secure.destination);
  const channel = await connectChannel({ address: `tls:127.0.0.1:${host.port}`, ...KEPT.secure.source });
  const reason = channel.fail(new PageferryError('limit', 'enough'));
  expect(channel.fail(new Error('more'))).toBe(reason);
  await expect(channel.send(FRAME.KEEPALIVE)).rejects.toBe(reason);
  await expect(channel.receive()).rejects.toBe(reason);
  await expect(sendGuest(channel, testGuest())).rejects.toBe(reason);
  await within('the sockets', channel.close());
});

/** As if its process was killed: no CLOSE frame is sent. */
function die(channel: FrameChannel): void {
  Reflect.get(channel, 'socket').destroy();
}
