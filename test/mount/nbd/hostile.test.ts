import fs from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { serveNbd } from '../../../src/mount/nbd/server.js';
import { seeded } from '../../support/kernels.js';
import { Client, CMD, OPT, u32 } from './client.js';
import { memoryImage, PAGE, serve, sparseImage, temporaryFolder } from './support.js';

const image = sparseImage(2000, 2);

it('a client that sends noise is dropped; the others read on', async () => {
  const server = await serve([memoryImage('a', image)]);
  const good = await Client.open(server.address, 'a');
  const random = seeded(3);
  for (let round = 0; round < 60; round++) {
    const noise = Buffer.from(Array.from({ length: 500 }, () => random() & 255));
    const bad = await (round % 3 === 0 ? Client.silent(server.address) : Client.connect(server.address));
    if (round % 3 === 2) {
      await bad.go('a');
      if (round % 2 === 0) noise.writeUInt32BE(0x25609513);
    }
    bad.socket.end(noise);
    await bad.closed();
    expect(
      (await good.read(round * PAGE, PAGE)).equals(image.subarray(round * PAGE, (round + 1) * PAGE)),
    ).toBe(true);
  }
  expect(server.log.length).toBeGreaterThan(20);
  for (const line of server.log) expect(line).toMatch(/^client UNIX socket: [^\n]+$/);
});

it('sizes that a client claims take no memory: it is dropped', async () => {
  const server = await serve([memoryImage('a', image)]);
  const option = await Client.connect(server.address);
  option.socket.write(Buffer.concat([Buffer.from('IHAVEOPT'), u32(OPT.INFO), u32(0x7fffffff)]));
  await option.closed();
  const write = await Client.open(server.address, 'a');
  write.request(CMD.WRITE, 0, 0xffffffff);
  await write.closed();
  expect(server.log).toEqual([
    'client UNIX socket: option 6 of 2147483647 bytes, more than 65536',
    'client UNIX socket: a write of 4294967295 bytes, more than 33554432',
  ]);
});

it('a client that does not read is dropped, and no more is read for it meanwhile', async () => {
  let bytesRead = 0;
  const source = memoryImage('a', image);
  const counted = {
    ...source,
    read: (out: Uint8Array, offset: number) => {
      bytesRead += out.length;
      source.read(out, offset);
    },
    run: (_: number, bytes: number) => ({ bytes, zero: false }),
  };
  const server = await serve([counted], { stallMs: 300 });
  const stuck = await Client.open(server.address, 'a');
  stuck.socket.pause();
  for (let n = 0; n < 1000; n++) stuck.request(CMD.READ, 0, image.length);
  const good = await Client.open(server.address, 'a');
  expect((await good.read(0, image.length)).equals(image)).toBe(true);
  while (server.log.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(server.log).toEqual(['client UNIX socket: read nothing of a reply for 0.3 s, dropped']);
  expect(bytesRead).toBeLessThan(3 * image.length);
  expect((await good.read(0, image.length)).equals(image)).toBe(true);
});

it('a client without a handshake is dropped after a time', async () => {
  const server = await serve([memoryImage('a', image)], { handshakeMs: 100 });
  const silent = await Client.silent(server.address);
  await silent.closed();
  expect(server.log).toEqual(['client UNIX socket: no complete handshake within 0.1 s, dropped']);
});

it('more clients than allowed are refused', async () => {
  const server = await serve([memoryImage('a', image)], { maxClients: 2 });
  const clients = [await Client.open(server.address, 'a'), await Client.open(server.address, 'a')];
  await (await Client.silent(server.address)).closed();
  expect(server.log).toEqual(['a client was refused: 2 are connected']);
  for (const client of clients) expect(await client.read(PAGE, 1)).toHaveLength(1);
});

it('a socket that a process listens at is kept, its log too; that of a dead one is replaced; close removes it', async () => {
  const path = join(temporaryFolder(), 's');
  const log: string[] = [];
  const options = { address: { path }, onLog: (line: string) => log.push(line) };
  const server = await serveNbd([memoryImage('a', image)], options);
  await expect(serveNbd([], options)).rejects.toThrow(
    `cannot listen at unix:${path}: another process listens there`,
  );
  const client = await Client.open(server.address, 'a');
  const mode = fs.statSync(path).mode & 0o777;
  server.close();
  server.close();
  await client.closed();
  expect([mode, fs.existsSync(path), log]).toEqual([0o600, false, []]);
  fs.writeFileSync(path, 'x');
  await expect(serveNbd([], options)).rejects.toThrow('the file exists and is not a socket');
});

it('requests that were sent before the client closed its half get their replies', async () => {
  const server = await serve([memoryImage('a', image)]);
  const client = await Client.open(server.address, 'a');
  client.request(CMD.READ, 0, image.length);
  client.socket.end();
  let bytes = 0;
  for (const { data, type } of await client.chunks())
    bytes += type === 1 ? data.length - 8 : data.readUInt32BE(8);
  expect(bytes).toBe(image.length);
});

it('port 0 is any free port', async () => {
  const server = await serve([memoryImage('a', image)], { address: { host: '127.0.0.1', port: 0 } });
  const client = await Client.open(server.address, 'a');
  expect((await client.read(PAGE, 10)).length).toBe(10);
});

it('a read waits for few pieces of the long replies to other clients', async () => {
  const bytes = Buffer.alloc(8 << 20, 1);
  let pieces = 0;
  const waited: number[] = [];
  const counted = {
    ...memoryImage('a', bytes),
    read: (out: Uint8Array) => {
      if (out.length > PAGE) pieces++;
      else waited.push(pieces);
      out.fill(1);
    },
    run: (_: number, count: number) => ({ bytes: count, zero: false }),
  };
  const server = await serve([counted]);
  const small = await Client.open(server.address, 'a');
  const long = await Promise.all(Array.from({ length: 4 }, () => Client.open(server.address, 'a')));
  const replies = long.map((client) => client.read(0, bytes.length));
  for (let page = 0; page < 20; page++) await small.read(page * PAGE, PAGE);
  await Promise.all(replies);
  expect(pieces).toBeGreaterThan(200);
  const between = waited.slice(1).map((count, i) => count - waited[i]!);
  expect(Math.max(...between)).toBeLessThan(16);
});

it.skipIf(process.platform !== 'linux')(
  'TCP asks whether the host of an idle client is there (Linux only)',
  async () => {
    const address = { host: '127.0.0.1', port: 0 } as const;
    const server = await serve([memoryImage('a', image)], { address });
    const idle = await Client.open(server.address, 'a');
    const port = (server.address as { readonly port: number }).port
      .toString(16)
      .toUpperCase()
      .padStart(4, '0');
    const connections = fs
      .readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    const own = connections.find(([, local, , state]) => local!.endsWith(`:${port}`) && state === '01');
    expect(own?.[5]).toMatch(/^02:/); // the keepalive timer
    idle.socket.destroy();
  },
);
