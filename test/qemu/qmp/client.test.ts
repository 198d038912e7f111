// The QMP client against servers that answer, reject, send noise or nothing.
import net from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { QmpClient, type QmpEvent } from '../../../src/qemu/qmp/client.js';
import { testFolder } from '../../image/support.js';

const path = join(testFolder(), 'qmp');
const HANDSHAKE = '{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\r\n';
let server: net.Server | undefined;
const sockets: net.Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => server?.close(resolve));
});

type Answer = (request: { execute: string; id: number }, socket: net.Socket) => void;

const accept: Answer = ({ id }, socket) => socket.write(`${JSON.stringify({ return: {}, id })}\r\n`);

async function serve(onConnection: (socket: net.Socket) => void): Promise<void> {
  server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server!.listen(path, resolve));
}

/** A server that sends its handshake, accepts the negotiation, and answers other commands with `answer`. */
function monitor(answer: Answer): Promise<void> {
  return serve((socket) => {
    socket.write(HANDSHAKE);
    socket.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        const request = JSON.parse(line);
        if (request.execute === 'qmp_capabilities') accept(request, socket);
        else answer(request, socket);
      }
    });
  });
}

function connect(timeoutMs = 2000, onEvent?: (event: QmpEvent) => void): Promise<QmpClient> {
  return QmpClient.connect({ path }, { name: 'QMP at unix:x', timeoutMs, ...(onEvent && { onEvent }) });
}

test('results, events and rejected commands, whatever the pieces in which they arrive', async () => {
  await monitor(({ execute, id }, socket) => {
    const event = '{"event": "STOP", "timestamp": {"seconds": 5, "microseconds": 250000}}\n';
    const answer =
      execute === 'no-such'
        ? { error: { class: 'CommandNotFound', desc: 'The command no-such\u0007 has not been found' }, id }
        : { return: { name: 'gäste' }, id };
    const bytes = Buffer.from(`${event}{"return": 1, "id": 999}\n${JSON.stringify(answer)}\r\n`);
    for (const byte of bytes) socket.write(Uint8Array.of(byte));
  });
  const events: QmpEvent[] = [];
  const qmp = await connect(2000, (event) => events.push(event));
  expect(await qmp.execute('query-name')).toEqual({ name: 'gäste' });
  await expect(qmp.execute('no-such')).rejects.toMatchObject({
    code: 'unsupported',
    message: 'QMP at unix:x: no-such: The command no-such  has not been found',
  });
  expect(events).toEqual(Array(2).fill({ event: 'STOP', data: {}, atMs: 5250 }));
  qmp.close();
  await expect(qmp.execute('query-name')).rejects.toThrow(/closed on this host/);
});

test.each([
  [
    'noise',
    (socket: net.Socket) => socket.write(Buffer.alloc(300, 0xfe)).valueOf() && socket.write('\n'),
    /"\ufffd+\.\.\.", which is not a QMP message; is it a QMP socket\?$/,
  ],
  [
    'the human monitor',
    (socket: net.Socket) => socket.write('QEMU 7.2.22 monitor\r\n(qemu) '),
    /sent "QEMU 7.2.22 monitor ", which is not/,
  ],
  [
    'another JSON protocol',
    (socket: net.Socket) => socket.write('{"jsonrpc": "2.0"}\n'),
    /in place of QMP's handshake/,
  ],
  [
    'deeply nested JSON',
    (socket: net.Socket) => socket.write(`${'['.repeat(500_000)}\n`),
    /which is not a QMP message/,
  ],
  ['nothing', () => {}, /sent no handshake within 100 ms; another client may be connected to it$/],
  ['an end', (socket: net.Socket) => socket.end(), /QEMU closed the connection$/],
] as const)('a server that sends %s is one clear error', async (_, onConnection, message) => {
  await serve(onConnection);
  await expect(connect(100)).rejects.toThrow(message);
});

test('a line without an end is refused at 1 MiB, and no more of it is read', async () => {
  let written = 0;
  await serve((socket) => {
    socket.write('{"QMP": "');
    const more = () => {
      while (!socket.destroyed && socket.write('x'.repeat(1 << 16))) written += 1 << 16;
    };
    socket.on('drain', more);
    more();
  });
  await expect(connect()).rejects.toThrow(/sent a line of more than 1048576 bytes/);
  expect(written).toBeLessThan(16 << 20);
});

test('a command without an answer fails, and every later one with the same error', async () => {
  await monitor(() => {});
  const qmp = await connect(100);
  await expect(qmp.execute('query-migrate')).rejects.toThrow('did not answer query-migrate within 100 ms');
  await expect(qmp.execute('query-status')).rejects.toThrow('did not answer query-migrate within 100 ms');
  expect(qmp.isOpen).toBe(false);
});

test('a socket that is not there', async () => {
  const missing = QmpClient.connect({ path: `${path}.missing` }, { name: 'QMP' });
  await expect(missing).rejects.toMatchObject({
    code: 'io',
    message: expect.stringMatching(/^QMP: .*ENOENT/),
  });
});
