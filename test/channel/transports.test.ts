// Every registered transport: a guest arrives over it, and the error for an address lists it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { receiveGuest } from '../../src/agent/guest/receive-guest.js';
import { sendGuest } from '../../src/agent/guest/send-guest.js';
import { connectChannel } from '../../src/channel/connect.js';
import type { Protection } from '../../src/channel/security.js';
import { parseChannelAddress, TRANSPORTS } from '../../src/channel/transports/registry.js';
import { startListening } from '../../src/channel/transports/sockets.js';
import { Host, KEPT, Stage, testGuest, within } from './hosts.js';

const OPTIONS: Record<Protection, { source: object; destination: object }> = {
  certificates: KEPT.secure,
  none: KEPT.insecure,
  'file permissions': { source: {}, destination: {} },
};

let host: Host | undefined;
let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-transport-'));
});
afterEach(async () => {
  await host?.close();
  host = undefined;
  fs.rmSync(folder, { recursive: true });
});

/** The form of a transport's address, filled in. */
function filledIn(form: string, port: number): string {
  return form
    .replace('HOST', '127.0.0.1')
    .replace('PORT', String(port))
    .replace('PATH', join(folder, 'socket'));
}

test.each(TRANSPORTS.map((transport) => [transport.scheme, transport] as const))(
  '%s: a guest arrives',
  async (scheme, { addressForm, protection }) => {
    const { source: options, destination } = OPTIONS[protection];
    host = await Host.listening({ ...destination, address: `${scheme}:${filledIn(addressForm, 0)}` });
    const next = host.next();
    const source = await connectChannel({
      ...options,
      address: `${scheme}:${filledIn(addressForm, host.port)}`,
    });
    const guest = testGuest();
    const stage = new Stage();
    await within('a guest', Promise.all([sendGuest(source, guest), receiveGuest(await next, stage)]));
    expect(Buffer.compare(stage.applied!, guest.memory)).toBe(0);
    await source.close();
  },
);

test('unix: a refused listener does not connect to the process that listens, whatever form its path has', async () => {
  const path = join(folder, 'socket');
  const connections: Socket[] = [];
  const server = createServer((socket) => connections.push(socket));
  await startListening(server, { path: relative('.', path) });
  try {
    for (const form of [path, relative('.', path)])
      await expect(Host.listening({ address: `unix:${form}` })).rejects.toThrow(
        `cannot listen at unix:${form}: another process listens there; end it first, or choose another path`,
      );
    // Connections are accepted in order: one of the refused listeners would come before this one.
    connect(path).end();
    await once(server, 'connection');
    expect(connections).toHaveLength(1);
  } finally {
    for (const socket of connections) socket.destroy();
    server.close();
  }
});

test('unix: the socket of a process that accepts no connection is not replaced', async () => {
  const path = join(folder, 'socket');
  // Blocked after it listens, so that connections fill its backlog.
  const script = `require('net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => {
    require('fs').writeSync(1, 'ready');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const waiting: Socket[] = [];
  try {
    await once(child.stdout, 'data');
    const { ino } = fs.statSync(path);
    let isFull = false;
    while (!isFull) {
      const socket = connect(path);
      waiting.push(socket);
      isFull = await new Promise((resolve) => {
        socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
      });
    }
    await expect(Host.listening({ address: `unix:${path}` })).rejects.toThrow(
      /cannot listen at unix:.*: another process listens there/,
    );
    expect(fs.statSync(path).ino).toBe(ino);
  } finally {
    for (const socket of waiting) socket.destroy();
    child.kill('SIGKILL');
  }
});

test('the error for an unknown scheme lists the address form of every transport', () => {
  const forms = TRANSPORTS.map(({ scheme, addressForm }) => `${scheme}:${addressForm}`);
  expect(new Set(forms).size).toBe(TRANSPORTS.length);
  for (const form of forms) expect(() => parseChannelAddress('unknown:x')).toThrow(form);
});
