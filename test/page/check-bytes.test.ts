// Bytes whose buffer was transferred to another thread look empty: every call that takes bytes refuses them.
import { expect, test } from 'vitest';
import { bytesSource } from '../../src/image/memory.js';
import { createDecoder, createEncoder } from '../../src/index.js';
import { compress, createCompressStream, createDecompressStream, decompress } from '../../src/zstd.js';

function transferred(): Uint8Array {
  const bytes = new Uint8Array(8192).fill(7);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

const MESSAGE = 'expected a Uint8Array, got detached';

test('calls', async () => {
  const encoder = await createEncoder(() => {});
  encoder.beginImage('a');
  await expect(encoder.write(transferred())).rejects.toThrow(`write: ${MESSAGE}`);
  const decoder = await createDecoder(() => {
    throw new Error('no image is expected');
  });
  await expect(decoder.push(transferred())).rejects.toThrow(`push: ${MESSAGE}`);
  expect(() => bytesSource(transferred(), 'a')).toThrow(`bytesSource: ${MESSAGE}`);
  expect(() => compress(transferred())).toThrow(`compress: ${MESSAGE}`);
  expect(() => decompress(transferred())).toThrow(`decompress: ${MESSAGE}`);
  expect(compress(new Uint8Array(0))).toHaveLength(9);
});

test('a chunk of a stream that is transferred while it waits', async () => {
  for (const create of [createCompressStream, createDecompressStream]) {
    const { readable, writable } = create();
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    const chunk = new Uint8Array(8192).fill(7);
    const written = writer.write(chunk);
    written.catch(() => {});
    structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
    await expect(readable.getReader().read()).rejects.toThrow(`zstd stream: ${MESSAGE}`);
    await expect(written).rejects.toThrow(MESSAGE);
  }
});
