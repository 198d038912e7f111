import { expect, test } from 'vitest';
import {
  bytesSink,
  bytesSource,
  createDecoder,
  createEncoder,
  openPages,
  PageferryError,
  type Strategy,
  verifyStream,
} from '../../src/index.js';
import { createPageReceiver, createPageSender } from '../../src/live.js';
import { simulate } from '../../src/simulate.js';

const file = bytesSource(new Uint8Array(100), 'file');

test.each([
  ['createEncoder', (options: object) => createEncoder(() => {}, options)],
  ['createDecoder', (options: object) => createDecoder(() => bytesSink(), options)],
  ['openPages', (options: object) => openPages(file, options)],
  ['verifyStream', (options: object) => verifyStream(file, options)],
  ['createPageSender', (options: object) => createPageSender(options)],
  [
    'createPageReceiver',
    (options: object) => createPageReceiver(options as Parameters<typeof createPageReceiver>[0]),
  ],
])('%s refuses options that it does not have, and values of other types', async (name, call) => {
  const refusal = (options: object) =>
    call(options).then(
      () => expect.unreachable(`${name} took ${JSON.stringify(options)}`),
      (error: unknown) => {
        expect(error).toBeInstanceOf(PageferryError);
        return `${(error as PageferryError).code}: ${(error as PageferryError).message}`;
      },
    );
  expect(await refusal({ maxFramBytes: 1 })).toMatch(
    new RegExp(`^bad-argument: ${name}: unknown option "maxFramBytes": expected one of .*[a-zA-Z], [a-z]`),
  );
  const numeric = name === 'createPageSender' ? 'cacheBytes' : 'maxFrameBytes';
  expect(await refusal({ [numeric]: '65536' })).toBe(
    `bad-argument: ${numeric}: expected a number, got a string (65536)`,
  );
});

const image = new Uint8Array(8192).map((_, i) => i * 7);
const pack = async (strategy: unknown) => {
  const encoder = await createEncoder(() => {}, { strategy: strategy as Strategy });
  try {
    await encoder.encode(bytesSource(image, 'image'));
    return await encoder.finish();
  } finally {
    await encoder.close();
  }
};
const choose = () => 'group';

test.each<[string, () => unknown, RegExp]>([
  [
    'no output',
    () => createEncoder(undefined as never),
    /createEncoder: output: expected a function, got undefined/,
  ],
  ['no openSink', () => createDecoder(undefined as never), /createDecoder: openSink: expected a function/],
  [
    'an empty strategy',
    () => pack({}),
    /strategy: expected a name, or an object with a name and a function choose/,
  ],
  ['a null strategy', () => pack(null), /strategy: expected a name/],
  [
    'a pack that is no function',
    () => pack({ name: 's', choose, pack: 1 }),
    /"s": pack: expected a function/,
  ],
  [
    'a packing without a name',
    () => pack({ name: 's', choose, pack() {} }),
    /"s": pack returned undefined, expected/,
  ],
  [
    'an unknown packing',
    () => pack({ name: 's', choose, pack: () => ({ name: 'foo' }) }),
    /"s": pack returned {"name":"foo"}, expected an object whose name is one of raw, lz4, zstd/,
  ],
  [
    'a source that is bytes',
    () => openPages(image as never),
    /source: expected a PageSource, got bytes: bytesSource/,
  ],
  [
    'a source that is a path',
    () => openPages('a.raw' as never),
    /source: expected a PageSource, got "a.raw"/,
  ],
  [
    'bytes that are text',
    () => bytesSource('abc' as never, 'x'),
    /bytesSource: expected a Uint8Array, got string/,
  ],
  ['a simulation of nothing', () => simulate({} as never), /^guest: expected a guest/],
])('a call with %s is refused with the reason', async (_, call, message) => {
  await expect((async () => call())()).rejects.toMatchObject({
    code: 'bad-argument',
    message: expect.stringMatching(message),
  });
});
