import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createServer } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { connectChannel } from '../../src/channel/connect.js';
import { identitiesOf, isAllowed } from '../../src/channel/identity.js';
import { listenForChannels } from '../../src/channel/listen.js';
import { Authority } from './certificates.js';
import { authority, DESTINATION, Host, KEPT, SOURCE, within } from './hosts.js';

const other = new Authority('another authority');
const nobody = other.issue({});
const ALLOWED = { cn: 'host-a' };
let host: Host | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

/** Who connects with `credentials` is turned away: what either side says, and that nobody got in. */
async function turnedAway(
  listening: Parameters<typeof Host.listening>[0],
  options: Partial<Parameters<typeof connectChannel>[0]>,
) {
  host = await Host.listening({ ...KEPT.secure.destination, ...listening });
  const connecting = connectChannel({ host: '127.0.0.1', port: host.port, credentials: SOURCE, ...options });
  const error = await within(
    'connecting',
    connecting.then(() => undefined).catch((cause: Error) => cause),
  );
  expect(host.channels).toEqual([]);
  return { told: error?.message, said: (await host.firstRefusal()).message };
}

test('both sides are proved, and each knows the other’s names', async () => {
  host = await Host.listening({ ...KEPT.secure.destination, allowInitiators: ['DNS:a.example'] });
  const next = host.next();
  const channel = await connectChannel({
    host: '127.0.0.1',
    port: host.port,
    credentials: SOURCE,
    serverName: 'b.example',
  });
  expect((await next).identities).toEqual(['CN:host-a', 'DNS:a.example']);
  expect(channel.identities).toEqual(['CN:host-b', 'DNS:b.example']);
});

test('a source whose certificate another authority signed', async () => {
  const stranger = { ...other.issue(ALLOWED), authorities: authority.pem };
  const { told, said } = await turnedAway({}, { credentials: stranger });
  expect(said).toMatch(
    /its certificate is refused: UNABLE_TO_VERIFY_LEAF_SIGNATURE|its certificate is refused: .*/,
  );
  expect(told).toMatch(/closed the channel|closed|reset|disconnected/);
});

test('a source without a certificate', async () => {
  host = await Host.listening(KEPT.secure.destination);
  const socket = connectTls({ host: '127.0.0.1', port: host.port, ca: authority.pem });
  const [error] = await within(
    'an alert',
    once(socket.resume(), 'error').catch((cause) => [cause]),
  );
  expect(String(error)).toContain('certificate required');
  expect((await host.firstRefusal()).message).toContain('peer did not return a certificate');
  expect(host.channels).toEqual([]);
});

test.each([
  ['expired', [-3, -1] as const, /CERT_HAS_EXPIRED/],
  ['not yet valid', [1, 3] as const, /CERT_NOT_YET_VALID/],
])('a source whose certificate is %s', async (_, days, reason) => {
  const { said } = await turnedAway({}, { credentials: authority.issue({ ...ALLOWED, days }) });
  expect(said).toMatch(reason);
});

test('a source whose certificate is for servers only', async () => {
  const { said } = await turnedAway(
    {},
    { credentials: authority.issue({ ...ALLOWED, usage: ['serverAuth'] }) },
  );
  expect(said).toMatch(/its certificate is refused: INVALID_PURPOSE/);
});

test('a source that is not on the list is told so', async () => {
  const { told, said } = await turnedAway(
    {},
    { credentials: authority.issue({ cn: 'host-c', dns: ['c.example'] }) },
  );
  expect(said).toContain('CN:host-c, DNS:c.example may not start a migration here');
  expect(told).toMatch(/^127.0.0.1:\d+ refused: .*CN:host-c, DNS:c.example may not start a migration here/);
});

test('without a list nobody may start a migration', async () => {
  const { told } = await turnedAway({ allowInitiators: [] }, {});
  expect(told).toContain('CN:host-a, DNS:a.example may not start a migration here');
});

test('a name inside another name is not a name', async () => {
  const sly = authority.issue({
    cn: ['host-a', 'host-a'],
    uris: ['spiffe://x/y, DNS:host-a', 'http://"host-a"'],
    dns: ['x.host-a'],
  });
  const { told } = await turnedAway({}, { credentials: sly });
  expect(told).toContain('DNS:x.host-a, URI:spiffe://x/y, DNS:host-a, URI:http://"host-a" may not start');
});

test('names are whole, and may say their kind', () => {
  const identities = identitiesOf({
    subject: { CN: 'a' } as never,
    subjectaltname: 'DNS:b, IP Address:127.0.0.1, URI:"x, DNS:c"',
  });
  expect(identities).toEqual(['CN:a', 'DNS:b', 'URI:x, DNS:c']);
  for (const [allowed, is] of Object.entries({
    a: true,
    'CN:a': true,
    'DNS:a': false,
    b: true,
    c: false,
    'x, DNS:c': true,
    '': false,
  }))
    expect(isAllowed(identities, [allowed])).toBe(is);
  expect(isAllowed(['URI:CN:a'], ['CN:a'])).toBe(false);
  expect(() => identitiesOf({ subject: {} as never, subjectaltname: 'DNS:a "b' })).toThrow('cannot be read');
});

test('a destination whose certificate another authority signed', async () => {
  const { told, said } = await turnedAway({ credentials: { ...nobody, authorities: authority.pem } }, {});
  expect(told).toContain('unable to verify');
  expect(said).toMatch(/unknown ca|alert|closed|hang up|reset/i);
});

test('a destination whose certificate is expired', async () => {
  const { told } = await turnedAway({ credentials: authority.issue({ cn: 'host-b', days: [-3, -1] }) }, {});
  expect(told).toContain('certificate has expired');
});

test('a destination of another name', async () => {
  const { told } = await turnedAway({}, { serverName: 'c.example' });
  expect(told).toContain("Host: c.example. is not in the cert's altnames: DNS:b.example");
  const byAddress = authority.issue({ cn: '127.0.0.1', dns: ['b.example'], local: false });
  expect((await turnedAway({ credentials: byAddress }, {})).told).toContain(
    "IP: 127.0.0.1 is not in the cert's list",
  );
});

test('a source that speaks TLS 1.2 only', async () => {
  host = await Host.listening(KEPT.secure.destination);
  const { certificate: cert, key, authorities: ca } = SOURCE as unknown as Record<string, string>;
  const old: ConnectionOptions = {
    host: '127.0.0.1',
    port: host.port,
    ...{ cert, key, ca },
    maxVersion: 'TLSv1.2',
  };
  const [error] = await within('an alert', once(connectTls(old), 'error'));
  expect(String(error)).toContain('protocol version');
  expect((await host.firstRefusal()).message).toContain('unsupported protocol');
});

test('a destination that speaks TLS 1.2 only', async () => {
  const { certificate: cert, key, authorities: ca } = DESTINATION as unknown as Record<string, string>;
  const server = createServer({ cert, key, ca, maxVersion: 'TLSv1.2' }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await expect(connectChannel({ host: '127.0.0.1', port, credentials: SOURCE })).rejects.toThrow(
    /protocol version/,
  );
  server.close();
});

test('a session is never resumed', async () => {
  host = await Host.listening(KEPT.secure.destination);
  const { certificate: cert, key, authorities: ca } = SOURCE as unknown as Record<string, string>;
  const options: ConnectionOptions = { host: '127.0.0.1', port: host.port, cert, key, ca };
  const first = connectTls(options);
  const [session] = await within('a session', once(first, 'session'));
  first.destroy();
  const second = connectTls({ ...options, session });
  await once(second, 'secureConnect');
  expect(second.isSessionReused()).toBe(false);
  second.destroy();
});

test('plain TCP is only taken for what it is where that was asked for, and warned of', async () => {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  host = await Host.listening({ insecure: true, onWarning: warn });
  await connectChannel({ host: '127.0.0.1', port: host.port, insecure: true, onWarning: warn });
  expect(warnings).toEqual([
    expect.stringContaining('listener on 127.0.0.1:0: plain TCP'),
    expect.stringContaining('channel to 127.0.0.1'),
  ]);
  await expect(
    connectChannel({ host: '127.0.0.1', port: host.port, credentials: SOURCE, handshakeMs: 3000 }),
  ).rejects.toThrow(/wrong version/);
  expect((await host.firstRefusal()).message).toContain('altered, or not from such an agent');
  await host.close();
  const { told, said } = await turnedAway(
    {},
    { credentials: undefined as never, insecure: true, onWarning: warn },
  );
  expect(said).toMatch(/wrong version number|http request|packet length/);
  expect(told).toMatch(/closed|reset|altered/);
});

test('options that make no sense', async () => {
  const to = { host: '127.0.0.1', port: 1 };
  const warn = () => {};
  await expect(connectChannel(to)).rejects.toThrow(
    'credentials are missing; plain TCP only with insecure: true',
  );
  await expect(connectChannel({ ...to, insecure: true })).rejects.toThrow('insecure needs a warn function');
  await expect(
    connectChannel({ ...to, insecure: true, onWarning: warn, credentials: SOURCE }),
  ).rejects.toThrow('it can only be one');
  await expect(connectChannel({ ...to, credentials: { ...SOURCE, authorities: '' } })).rejects.toThrow(
    'the authorities is missing',
  );
  await expect(connectChannel({ ...to, credentials: SOURCE, stallMs: 0 })).rejects.toThrow(
    'stallMs: expected a whole number',
  );
  const listening = { port: 0, insecure: true, onWarning: warn, onChannel: () => {} };
  await expect(listenForChannels({ ...listening, allowInitiators: ['a'] })).rejects.toThrow(
    'nobody can be told from those in allowInitiators',
  );
});

test('somebody who says nothing is turned away in time', async () => {
  host = await Host.listening({ ...KEPT.secure.destination, handshakeMs: 200 });
  const socket = connectTcp(host.port, '127.0.0.1');
  await within('a close', once(socket.resume(), 'close'));
  expect((await host.firstRefusal()).message).toContain('no TLS within 200 ms');
});
