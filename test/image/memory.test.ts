import { describe, expect, test } from 'vitest';
import { bytesSink, bytesSource } from '../../src/image/memory.js';
import { wasmMemorySource } from '../../src/image/wasm.js';
import { randomBytes, readAll } from './support.js';

describe('an image in memory', () => {
  test('can be read in order and at any position', async () => {
    const bytes = randomBytes(10_000, 1);
    const source = bytesSource(bytes.subarray(100), 'given');
    expect(source.bytes).toBe(9900);
    expect((await readAll(source, 4096)).equals(bytes.subarray(100))).toBe(true);
    const into = new Uint8Array(200);
    expect(source.readAt!(into, 9800)).toBe(100);
    expect(source.readAt!(into, 20_000)).toBe(0);
  });

  test('is collected by a sink, with zero ranges that take no memory before finish', () => {
    const sink = bytesSink();
    const page = randomBytes(4096, 2);
    sink.write(page, 0);
    sink.zero(4096, 4096);
    sink.write(page.subarray(0, 100), 8192);
    sink.zero(8292, 1 << 30);
    const into = new Uint8Array(8192).fill(0xee);
    expect(sink.readAt(into, 2048)).toBe(8192);
    const expected = Buffer.concat([
      page.subarray(2048),
      Buffer.alloc(4096),
      page.subarray(0, 100),
      Buffer.alloc(1948),
    ]);
    expect(Buffer.compare(into, expected)).toBe(0);
    sink.finish(8300);
    const image = sink.take();
    expect(
      Buffer.compare(
        image,
        Buffer.concat([page, Buffer.alloc(4096), page.subarray(0, 100), Buffer.alloc(8)]),
      ),
    ).toBe(0);
    expect(() => sink.take()).toThrow('taken before finish, or a second time');
  });

  test('of an impossible size is refused with a limit', () => {
    const sink = bytesSink();
    sink.zero(0, 2 ** 50);
    expect(() => sink.finish(2 ** 50)).toThrow(expect.objectContaining({ code: 'limit' }));
    sink.abort();
    expect(() => sink.take()).toThrow('taken before finish');
  });
});

describe('a WebAssembly memory', () => {
  test('has the size that it had at the start, and may grow while it is read', async () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 4 });
    new Uint8Array(memory.buffer).set(randomBytes(131_072, 3));
    const source = wasmMemorySource(memory, 'sql.js');
    expect(source.bytes).toBe(131_072);
    expect(source.readAt).toBeUndefined();
    const first = Buffer.alloc(65536);
    expect(source.read(first)).toBe(65536);
    memory.grow(2);
    const rest = await readAll(source, 100_000);
    expect(Buffer.concat([first, rest]).equals(randomBytes(131_072, 3))).toBe(true);
  });

  test('of a paused program can be read at any position', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    new Uint8Array(memory.buffer)[65535] = 7;
    const source = wasmMemorySource(memory, 'paused', { paused: true });
    const into = new Uint8Array(10);
    expect(source.readAt!(into, 65530)).toBe(6);
    expect(into[5]).toBe(7);
    expect(source.readAt!(into, 65536)).toBe(0);
    expect(source.read(into)).toBe(10);
  });

  test('may be shared', async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    new Uint8Array(memory.buffer)[3] = 9;
    expect((await readAll(wasmMemorySource(memory, 'shared')))[3]).toBe(9);
  });
});
