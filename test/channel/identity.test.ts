import { once } from 'node:events';
import { connect as connectTcp, createServer as createPlainServer } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createServer } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { connectChannel } from '../../src/channel/connect.js';
import { identitiesOf, isAllowed } from '../../src/channel/identity.js';
import { listenForChannels } from '../../src/channel/listen.js';
import { Authority } from './certificates.js';
import { authority, DESTINATION, Host, KEPT, localAddress, SOURCE, within } from './hosts.js';

const otherAuthority = new Authority('another authority');
const foreign = otherAuthority.issue({});
const ALLOWED = { cn: 'host-a' };
const PEER_ENDED =
  /^127\.0\.0\.1:\d+: ended the TLS handshake; its log has the reason\. .* names and dates, and --server-name and --tls-ca of the peer$/;
const ONE_SIDE = /: TLS on one side only \(.*\): use certificates or --insecure on both$/;
let host: Host | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

/** Connect and be refused: returns the errors of both hosts, and checks that no channel was opened. */
async function refusals(
  listening: Parameters<typeof Host.listening>[0],
  options: Partial<Parameters<typeof connectChannel>[0]>,
) {
  host = await Host.listening({ ...KEPT.secure.destination, ...listening });
  const address = localAddress(host.port, options);
  const connecting = connectChannel({ address, credentials: SOURCE, ...options });
  const error = await within(
    'connecting',
    connecting.then(() => undefined).catch((cause: Error) => cause),
  );
  expect(host.channels).toEqual([]);
  return { atSource: error?.message, atDestination: (await host.firstRefusal()).message };
}

test('both hosts are authenticated and know each other’s names', async () => {
  host = await Host.listening({ ...KEPT.secure.destination, allowInitiators: ['DNS:a.example'] });
  const next = host.next();
  const channel = await connectChannel({
    address: `tls:127.0.0.1:${host.port}`,
    credentials: SOURCE,
    serverName: 'b.example',
  });
  expect((await next).identities).toEqual(['CN:host-a', 'DNS:a.example']);
  expect(channel.identities).toEqual(['CN:host-b', 'DNS:b.example']);
});

test('refused: a source with a certificate of another authority', async () => {
  const stranger = { ...otherAuthority.issue(ALLOWED), authorities: authority.pem };
  const { atSource, atDestination } = await refusals({}, { credentials: stranger });
  expect(atDestination).toMatch(
    /its certificate is refused: UNABLE_TO_VERIFY_LEAF_SIGNATURE|its certificate is refused: .*/,
  );
  expect(atSource).toMatch(/closed the channel|closed|reset|disconnected/);
});

test('refused: a source without a certificate', async () => {
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
])('refused: a source with a certificate that is %s', async (_, days, reason) => {
  const { atDestination } = await refusals({}, { credentials: authority.issue({ ...ALLOWED, days }) });
  expect(atDestination).toMatch(reason);
});

test('refused: a source with a certificate for servers only', async () => {
  const { atDestination } = await refusals(
    {},
    { credentials: authority.issue({ ...ALLOWED, usage: ['serverAuth'] }) },
  );
  expect(atDestination).toMatch(/its certificate is refused: INVALID_PURPOSE/);
});

test('refused: a source that is not in allowInitiators; it gets the reason', async () => {
  const { atSource, atDestination } = await refusals(
    {},
    { credentials: authority.issue({ cn: 'host-c', dns: ['c.example'] }) },
  );
  expect(atDestination).toContain('CN:host-c, DNS:c.example may not start a migration here');
  expect(atSource).toMatch(
    /^127.0.0.1:\d+ refused: .*CN:host-c, DNS:c.example may not start a migration here/,
  );
});

test('refused: every source if allowInitiators is empty', async () => {
  const { atSource } = await refusals({ allowInitiators: [] }, {});
  expect(atSource).toContain('CN:host-a, DNS:a.example may not start a migration here');
});

test('a name inside of another name does not count', async () => {
  const disguised = authority.issue({
    cn: ['host-a', 'host-a'],
    uris: ['spiffe://x/y, DNS:host-a', 'http://"host-a"'],
    dns: ['x.host-a'],
  });
  const { atSource } = await refusals({}, { credentials: disguised });
  expect(atSource).toContain('DNS:x.host-a, URI:spiffe://x/y, DNS:host-a, URI:http://"host-a" may not start');
});

test('names are compared as a whole, with or without their kind', () => {
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
  expect(() => identitiesOf({ subject: {} as never, subjectaltname: 'DNS:a "b' })).toThrow(
    'cannot be parsed',
  );
});

test('refused: a destination with a certificate of another authority', async () => {
  const { atSource, atDestination } = await refusals(
    { credentials: { ...foreign, authorities: authority.pem } },
    {},
  );
  expect(atSource).toContain('unable to verify');
  expect(atDestination).toMatch(PEER_ENDED);
});

test('refused: a destination with an expired certificate', async () => {
  const { atSource } = await refusals({ credentials: authority.issue({ cn: 'host-b', days: [-3, -1] }) }, {});
  expect(atSource).toContain('certificate has expired');
});

test('refused: a destination with another name', async () => {
  const { atSource, atDestination } = await refusals({}, { serverName: 'c.example' });
  expect(atDestination).toMatch(PEER_ENDED);
  expect(atSource).toMatch(
    /its certificate is for DNS:b\.example, IP Address:127\.0\.0\.1, not for c\.example: .* --server-name/,
  );
  const byAddress = authority.issue({ cn: '127.0.0.1', dns: ['b.example'], local: false });
  expect((await refusals({ credentials: byAddress }, {})).atSource).toContain(
    'its certificate is for DNS:b.example, not for 127.0.0.1: give a name that it has with --server-name',
  );
  const byCommonName = authority.issue({ cn: 'host-b', local: false });
  expect((await refusals({ credentials: byCommonName }, {})).atSource).toContain(
    'its certificate is for CN:host-b, not for 127.0.0.1: ',
  );
  const withoutName = authority.issue({ cn: '127.0.0.1', local: false });
  expect((await refusals({ credentials: withoutName }, {})).atSource).toContain(
    'its certificate is for no host, not for 127.0.0.1: ',
  );
});

test('refused: a source with TLS 1.2 only', async () => {
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

test('refused: a destination with TLS 1.2 only', async () => {
  const { certificate: cert, key, authorities: ca } = DESTINATION as unknown as Record<string, string>;
  const server = createServer({ cert, key, ca, maxVersion: 'TLSv1.2' }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await expect(connectChannel({ address: `tls:127.0.0.1:${port}`, credentials: SOURCE })).rejects.toThrow(
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

test('plain TCP needs insecure, warns, and does not mix with TLS', async () => {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  host = await Host.listening({ insecure: true, onWarning: warn });
  await connectChannel({ address: `tcp:127.0.0.1:${host.port}`, insecure: true, onWarning: warn });
  expect(warnings).toEqual([
    expect.stringContaining('listener at tcp:127.0.0.1:0: not encrypted'),
    expect.stringContaining('channel to tcp:127.0.0.1'),
  ]);
  await expect(
    connectChannel({
      address: `tls:127.0.0.1:${host.port}`,
      credentials: SOURCE,
      handshakeMs: 3000,
    }),
  ).rejects.toThrow(ONE_SIDE);
  expect((await host.firstRefusal()).message).toMatch(ONE_SIDE);
  await host.close();
  const { atSource, atDestination } = await refusals(
    {},
    { credentials: undefined as never, insecure: true, onWarning: warn },
  );
  expect(atDestination).toMatch(ONE_SIDE);
  // A TLS server closes such a connection without a byte.
  expect(atSource).toMatch(/its log has the reason, such as TLS on one side only: use certificates or/);
});

test('plain TCP to a server that answers with a TLS alert', async () => {
  const alert = Buffer.of(21, 3, 1, 0, 2, 2, 70);
  const server = createPlainServer((socket) =>
    socket
      .on('error', () => {})
      .resume()
      .end(alert),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const options = { address: `tcp:127.0.0.1:${port}`, insecure: true, onWarning };
  await expect(connectChannel(options)).rejects.toThrow(ONE_SIDE);
  server.close();
});

const TLS = { address: 'tls:127.0.0.1:1' };
const TCP = { address: 'tcp:127.0.0.1:1' };
const onWarning = () => {};

test.each([
  [TLS, 'credentials are missing; without TLS use tcp: and insecure: true'],
  [{ ...TLS, credentials: SOURCE, insecure: true, onWarning }, 'insecure: not for tls:, use tcp:'],
  [{ ...TLS, credentials: { ...SOURCE, authorities: '' } }, 'credentials: authorities is missing'],
  [{ ...TLS, credentials: SOURCE, stallMs: 0 }, 'stallMs: expected a whole number'],
  [TCP, 'tcp: is not encrypted; use tls:, or set insecure: true'],
  [{ ...TCP, insecure: true }, 'insecure: needs onWarning'],
  [{ ...TCP, insecure: true, onWarning, credentials: SOURCE }, 'credentials: not for tcp:, use tls:'],
  [{ address: 'unix:/run/x', credentials: SOURCE }, 'credentials: not for unix:, use tls:'],
  [
    { address: 'tls:127.0.0.1', credentials: SOURCE },
    'expected one of tls:HOST:PORT, tcp:HOST:PORT, unix:PATH',
  ],
  [
    { address: '127.0.0.1:1', credentials: SOURCE },
    'expected one of tls:HOST:PORT, tcp:HOST:PORT, unix:PATH',
  ],
  [{ address: `unix:/${'x'.repeat(200)}` }, "a UNIX socket's path has at most 10"],
])('options that do not match are refused: %o', async (options, message) => {
  await expect(connectChannel(options)).rejects.toThrow(message);
  await expect(listenForChannels({ ...options, onChannel: () => {} })).rejects.toThrow(message);
});

test('allowInitiators needs certificates', async () => {
  const options = { ...TCP, insecure: true, onWarning, onChannel: () => {}, allowInitiators: ['a'] };
  await expect(listenForChannels(options)).rejects.toThrow(
    'allowInitiators: needs tls:, tcp: has no certificates',
  );
});

test('refused: a connection that is closed before a byte, such as that of a port scan', async () => {
  host = await Host.listening(KEPT.secure.destination);
  connectTcp(host.port, '127.0.0.1').resume().end();
  expect((await host.firstRefusal()).message).toMatch(
    /^127\.0\.0\.1:\d+: closed the connection and sent nothing$/,
  );
});

test('refused: a connection that sends nothing, after handshakeMs', async () => {
  host = await Host.listening({ ...KEPT.secure.destination, handshakeMs: 200 });
  const socket = connectTcp(host.port, '127.0.0.1');
  await within('a close', once(socket.resume(), 'close'));
  expect((await host.firstRefusal()).message).toContain('no TLS within 200 ms');
});
