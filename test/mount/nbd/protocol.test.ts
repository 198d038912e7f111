import { expect, it } from 'vitest';
import { Client, CMD, infoRequest, metaRequest, OPT, text, u32 } from './client.js';
import { memoryImage, PAGE, serve, slowly, sparseImage } from './support.js';

const UNSUPPORTED = 0x80000001;
const INVALID = 0x80000003;
const UNKNOWN = 0x80000006;
const image = sparseImage(300, 1, 100);

it('lists every export and opens each by its name', async () => {
  const server = await serve([memoryImage('a', image), memoryImage('b.2', Buffer.alloc(5000))]);
  const client = await Client.connect(server.address);
  const names = (await client.option(OPT.LIST)).map(({ data }) => data.subarray(4).toString());
  expect(names).toEqual(['a', 'b.2', '']);
  const info = await client.option(OPT.INFO, infoRequest('b.2', 1, 3));
  expect(info.map(({ type, data }) => [type, data.toString('hex')])).toEqual([
    [3, `0000${(5000).toString(16).padStart(16, '0')}0103`],
    [3, `0001${Buffer.from('b.2').toString('hex')}`],
    [3, '0003000000010001000002000000'],
    [1, ''],
  ]);
  await client.go('a');
  expect(client.bytes).toBe(image.length);
  client.close();
});

it('the empty name is that of the only export, and of none where there are two', async () => {
  const one = await serve([memoryImage('a', image)]);
  const client = await Client.open(one.address, '');
  expect((await client.read(0, 5000)).equals(image.subarray(0, 5000))).toBe(true);
  const two = await serve([memoryImage('a', image), memoryImage('b', image)]);
  const other = await Client.connect(two.address);
  const [reply] = await other.option(OPT.GO, infoRequest(''));
  expect([reply!.type, reply!.data.toString()]).toEqual([UNKNOWN, 'name one of the 2 exports']);
});

it('refuses options that are wrong or unknown, and goes on', async () => {
  const server = await serve([memoryImage('a', image)]);
  const client = await Client.connect(server.address);
  const refused = async (option: number, data: Uint8Array) =>
    (await client.option(option, data)).at(-1)!.type;
  expect(await refused(OPT.TLS, Buffer.alloc(0))).toBe(UNSUPPORTED);
  expect(await refused(99, Buffer.alloc(300))).toBe(UNSUPPORTED);
  expect(await refused(OPT.LIST, Buffer.alloc(1))).toBe(INVALID);
  expect(await refused(OPT.INFO, Buffer.alloc(3))).toBe(INVALID);
  expect(await refused(OPT.INFO, Buffer.concat([text('a'), Buffer.from([0, 9])]))).toBe(INVALID);
  expect(await refused(OPT.INFO, Buffer.concat([u32(0xffffffff), Buffer.alloc(6)]))).toBe(INVALID);
  expect(await refused(OPT.INFO, Buffer.concat([infoRequest('a'), Buffer.alloc(1)]))).toBe(INVALID);
  expect(await refused(OPT.GO, infoRequest('x'))).toBe(UNKNOWN);
  // Structured replies were not asked for yet.
  expect(await refused(OPT.SET_META, metaRequest('a', 'base:allocation'))).toBe(INVALID);
  await client.option(OPT.STRUCTURED);
  expect(await refused(OPT.SET_META, metaRequest('x', 'base:allocation'))).toBe(UNKNOWN);
  expect(await refused(OPT.LIST_META, u32(0))).toBe(INVALID);
  const listed = async (...queries: string[]) =>
    (await client.option(OPT.LIST_META, metaRequest('a', ...queries))).length - 1;
  expect([await listed(), await listed('base:'), await listed('qemu:')]).toEqual([1, 1, 0]);
  await client.go('a');
  expect(await client.error(CMD.STATUS, 0, PAGE)).toBe(22); // no context was chosen
  expect((await client.read(PAGE, PAGE)).equals(image.subarray(PAGE, 2 * PAGE))).toBe(true);
  expect(server.log).toEqual([]);
});

for (const kind of ['local', 'network'] as const) {
  const open = () => (kind === 'local' ? memoryImage('a', image) : slowly(memoryImage('a', image)));

  it(`reads any range, zeros as holes (${kind})`, async () => {
    const server = await serve([open()]);
    const client = await Client.open(server.address, 'a');
    for (const [offset, length] of [
      [0, image.length],
      [1, 1],
      [5 * PAGE - 3, 9000],
      [image.length - 101, 101],
      [3 * PAGE, 260 << 10],
    ] as const)
      expect((await client.read(offset, length)).equals(image.subarray(offset, offset + length))).toBe(true);
    client.request(CMD.READ, 0, 8 * PAGE);
    const types = (await client.chunks()).map(({ type }) => type);
    expect(types).toEqual([2, 1, 2, 1].slice(0, types.length)); // holes are not sent as data
    const whole = await client.read(0, image.length, 1 << 2);
    expect(whole.equals(image)).toBe(true);
    client.request(CMD.READ, 0, image.length, 1 << 2); // not to be divided
    expect((await client.chunks()).length).toBe(1);
  });

  it(`reports the zero pages as extents (${kind})`, async () => {
    const server = await serve([open()]);
    const client = await Client.open(server.address, 'a');
    const states = Buffer.alloc(image.length);
    for (let at = 0; at < image.length; ) {
      const extents = await client.status(at, image.length - at);
      expect(extents.length).toBeGreaterThan(0);
      for (const [bytes, state] of extents) {
        states.fill(state, at, at + bytes);
        at += bytes;
      }
    }
    for (let page = 0; page * PAGE < image.length; page++) {
      const bytes = image.subarray(page * PAGE, (page + 1) * PAGE);
      expect(states[page * PAGE]).toBe(bytes.every((byte) => byte === 0) ? 3 : 0);
    }
    expect(await client.status(0, 20 * PAGE, 1 << 3)).toHaveLength(1);
    expect(await client.status(PAGE, 100)).toEqual([[100, 3]]);
  });
}

it('sends simple replies to a client that did not ask for structured ones', async () => {
  const server = await serve([memoryImage('a', image, 12 * PAGE)]);
  const client = await Client.connect(server.address);
  client.socket.write(Buffer.concat([Buffer.from('IHAVEOPT'), u32(OPT.NAME), u32(1), Buffer.from('a')]));
  expect(Number((await client.take(10)).readBigUInt64BE())).toBe(image.length);
  const cookie = client.request(CMD.READ, 3 * PAGE, 5 * PAGE);
  const head = await client.take(16);
  expect(head.toString('hex')).toBe(`6744669800000000${cookie.toString(16).padStart(16, '0')}`);
  expect((await client.take(5 * PAGE)).equals(image.subarray(3 * PAGE, 8 * PAGE))).toBe(true);
  client.request(CMD.READ, 8 * PAGE, 5 * PAGE); // a damaged page: the error in place of all bytes
  expect((await client.take(16)).readUInt32BE(4)).toBe(5);
  client.request(CMD.TRIM, 0, PAGE);
  expect((await client.take(16)).readUInt32BE(4)).toBe(1);
  client.request(CMD.DISC, 0, 0);
  await client.closed();
  expect(server.log).toEqual(['a: page 12: its check does not match']);
});

it('refuses requests that write or do not fit, and goes on', async () => {
  const server = await serve([memoryImage('a', image)]);
  const client = await Client.open(server.address, 'a');
  const [EPERM, EINVAL] = [1, 22];
  client.socket.write(Buffer.alloc(0));
  client.request(CMD.WRITE, 0, 70000);
  client.socket.write(Buffer.alloc(70000, 1));
  expect((await client.chunks())[0]!.data.readUInt32BE()).toBe(EPERM);
  expect(await client.error(CMD.TRIM, 0, PAGE)).toBe(EPERM);
  expect(await client.error(CMD.ZEROES, 0, PAGE)).toBe(EPERM);
  expect(await client.error(CMD.FLUSH, 0, 0)).toBe(EINVAL);
  expect(await client.error(77, 0, 1)).toBe(EINVAL);
  expect(await client.error(CMD.READ, 0, 0)).toBe(EINVAL);
  expect(await client.error(CMD.READ, image.length, 1)).toBe(EINVAL);
  expect(await client.error(CMD.READ, image.length - 1, 2)).toBe(EINVAL);
  expect(await client.error(CMD.READ, 2 ** 53, 1)).toBe(EINVAL);
  expect(await client.error(CMD.READ, 0, 1, 1 << 10)).toBe(EINVAL);
  expect(await client.error(CMD.STATUS, 1, image.length)).toBe(EINVAL);
  expect((await client.read(PAGE, PAGE)).equals(image.subarray(PAGE, 2 * PAGE))).toBe(true);
});

it('a request above 32 MiB is refused', async () => {
  const large: typeof image = Buffer.alloc(33 << 20);
  const server = await serve([{ ...memoryImage('a', large), run: (_, bytes) => ({ bytes, zero: true }) }]);
  const client = await Client.open(server.address, 'a');
  expect(await client.error(CMD.READ, 0, (32 << 20) + 1)).toBe(22);
  expect((await client.read(0, 32 << 20)).equals(large.subarray(0, 32 << 20))).toBe(true);
  expect(await client.status(0, 33 << 20)).toEqual([[33 << 20, 3]]);
});

it('a damaged page is an error with its offset; the pages around it are read', async () => {
  const server = await serve([memoryImage('a', image, 103 * PAGE + 5)]);
  const client = await Client.open(server.address, 'a');
  client.request(CMD.READ, 96 * PAGE, 20 * PAGE);
  const last = (await client.chunks()).at(-1)!;
  expect(last.type).toBe(0x8002);
  expect(last.data.readUInt32BE()).toBe(5);
  const at = Number(last.data.readBigUInt64BE(last.data.length - 8));
  expect(at <= 103 * PAGE + 5 && at >= 96 * PAGE).toBe(true);
  await expect(client.read(103 * PAGE, PAGE)).rejects.toThrow('error 5: page 103: its check does not match');
  expect((await client.read(104 * PAGE, PAGE)).equals(image.subarray(104 * PAGE, 105 * PAGE))).toBe(true);
  expect(server.log).toEqual(['a: page 103: its check does not match']);
});
