import { expect, test } from 'vitest';
import {
  bytesSink,
  bytesSource,
  createDecoder,
  createEncoder,
  openPages,
  PageferryError,
  verifyStream,
} from '../../src/index.js';
import { createPageReceiver, createPageSender } from '../../src/live.js';

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
