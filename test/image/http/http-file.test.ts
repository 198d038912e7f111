import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { openHttpFile } from '../../../src/image/http/http-file.js';
import { seeded } from '../../support/kernels.js';
import { sendRange, serveFile, type WebFile } from './server.js';

const random = seeded(5);
const content = Buffer.from(Array.from({ length: 100_000 }, () => random() & 255));
const FAST = { retryMs: 1, timeoutMs: 80 };

const rangeOf = (request: IncomingMessage) => {
  const [first, last] = request.headers.range!.slice(6).split('-').map(Number) as [number, number];
  return { first, last };
};

it('fetches ranges over few connections', async () => {
  const web = await serveFile(content);
  const file = await openHttpFile(web.url.replace('//', '//user:secret@').concat('?token=secret'));
  expect([file.name, file.bytes]).toEqual([web.url, content.length]);
  const parts = await Promise.all(Array.from({ length: 20 }, (_, i) => file.fetch(i * 5000, 5000)));
  expect(Buffer.concat(parts).equals(content)).toBe(true);
  expect(web.ranges).toHaveLength(21);
  file.close();
  await expect(file.fetch(0, 1)).rejects.toThrow('used after close');
});

it('follows redirects, also when the URL that they led to has expired', async () => {
  let isExpired = false;
  const target = await serveFile(content, (_, response) => {
    if (isExpired) response.writeHead(403).end();
    return isExpired;
  });
  const origin = await serveFile(content, (_, response) => {
    isExpired = false;
    response.writeHead(302, { location: target.url }).end();
    return true;
  });
  const file = await openHttpFile(origin.url);
  await file.fetch(0, 10);
  await file.fetch(10, 10);
  expect(origin.ranges).toHaveLength(1);
  isExpired = true;
  expect(Buffer.from(await file.fetch(20, 10)).equals(content.subarray(20, 30))).toBe(true);
  expect(origin.ranges).toHaveLength(2);
  file.close();
});

it('repeats requests that the network or the server fails, and no others', async () => {
  let failures = 0;
  const web: WebFile = await serveFile(content, (request, response) => {
    if (web.ranges.length === 1 || failures === 0) return false;
    failures--;
    const { first, last } = rangeOf(request);
    if (failures === 2) response.writeHead(503).end();
    else if (failures === 1) request.socket.destroy();
    else {
      // A body that ends early.
      response.writeHead(206, {
        'content-range': `bytes ${first}-${last}/${content.length}`,
        'content-length': last - first + 1,
        etag: '"1"',
      });
      response.write(content.subarray(first, first + 5), () => request.socket.destroy());
    }
    return true;
  });
  const file = await openHttpFile(web.url, FAST);
  failures = 3;
  expect(Buffer.from(await file.fetch(50, 1000)).equals(content.subarray(50, 1050))).toBe(true);
  failures = 1000;
  const before = web.ranges.length;
  await expect(file.fetch(0, 10)).rejects.toThrow(/^http:.*file\.pack: .*\(4 attempts\)$/);
  expect(web.ranges.length - before).toBe(4);
  file.close();
});

const status =
  (code: number, headers: Record<string, string> = {}, body = '') =>
  (_: IncomingMessage, response: ServerResponse): boolean => {
    response.writeHead(code, headers).end(body);
    return true;
  };
const sent = (range: string, body: Buffer, headers: Record<string, string> = {}) =>
  status(206, { 'content-range': range, ...headers }, body.toString('latin1'));

it.each([
  [
    'ignores ranges',
    status(200, {}, 'all of it'),
    'the server ignores range requests; use one that answers them',
  ],
  ['has no such file', status(404), 'the server answered 404 Not Found'],
  ['refuses', status(403), 'the server answered 403 Forbidden'],
  ['fails', status(500), 'the server answered 500 Internal Server Error (4 attempts)'],
  ['has an empty file', status(416), 'is empty'],
  [
    'gives no size',
    sent('bytes 0-0/*', Buffer.from('x')),
    'does not give the size of the file (Content-Range: bytes 0-0/*)',
  ],
  ['gives no range', status(206, {}, 'x'), 'does not give the size of the file (Content-Range: none)'],
  [
    'sends another range',
    sent('bytes 5-5/10', Buffer.from('x')),
    'asked for bytes 0 to 0, the server sent others (bytes 5-5/10)',
  ],
  [
    'compresses',
    sent('bytes 0-0/10', Buffer.from('x'), { 'content-encoding': 'gzip' }),
    'sent it as gzip, not as it is stored',
  ],
  [
    'sends too much',
    sent('bytes 0-0/10', Buffer.from('xyz')),
    'the server sent more than the 1 bytes asked for',
  ],
  ['sends too little', sent('bytes 0-0/10', Buffer.alloc(0)), 'the server sent 0 of 1 bytes (4 attempts)'],
  ['redirects without end', status(302, { location: '/dir/file.pack' }), 'more than 5 redirects'],
  [
    'redirects to a file',
    status(302, { location: 'file:///etc/passwd' }),
    'redirected to file:///etc/passwd, which is not followed',
  ],
  ['sends nothing', () => true, 'sent nothing for 0.08 s (4 attempts)'],
  [
    'stops in the middle',
    (_: IncomingMessage, response: ServerResponse): boolean => {
      response.writeHead(206, { 'content-range': 'bytes 0-0/10', 'content-length': 1 });
      response.flushHeaders();
      return true;
    },
    '(4 attempts)',
  ],
] as const)('a server that %s is one clear error', async (_, answer, message) => {
  const web = await serveFile(content, answer);
  await expect(openHttpFile(web.url, FAST)).rejects.toThrow(message);
  await expect(openHttpFile(web.url, FAST)).rejects.toThrow(web.url);
});

it('reports a file that changes while it is open', async () => {
  for (const change of [
    (web: { etag: string | undefined; content: Buffer }) => (web.etag = '"2"'),
    (web: { etag: string | undefined; content: Buffer }) => (web.etag = undefined),
    (web: { etag: string | undefined; content: Buffer }) => (web.content = content.subarray(0, 60)),
  ])
    for (const etag of ['"1"', 'W/"1"', undefined]) {
      const web = await serveFile(content);
      web.etag = etag;
      const file = await openHttpFile(web.url, FAST);
      change(web);
      if (web.etag === etag && web.content === content) continue;
      await expect(file.fetch(50, 100)).rejects.toThrow('has changed on the server since it was opened');
      file.close();
    }
});

it('an address without a server, and what is not a URL', async () => {
  await expect(openHttpFile('http://127.0.0.1:1/x', FAST)).rejects.toThrow(
    'http://127.0.0.1:1/x: the request failed: connection refused: nothing listens there (ECONNREFUSED) (4 attempts)',
  );
  await expect(openHttpFile('http://[/x', FAST)).rejects.toThrow(
    'http://[/x: not a URL; write https://HOST/PATH',
  );
});

it('the range at the end of the file', async () => {
  const web = await serveFile(content, (request, response) => {
    const { first, last } = rangeOf(request);
    sendRange(response, content, first, last, { etag: '"1"' });
    return true;
  });
  const file = await openHttpFile(web.url, FAST);
  expect(Buffer.from(await file.fetch(99_990, 10)).equals(content.subarray(99_990))).toBe(true);
});
