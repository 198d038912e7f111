import { expect, test } from 'vitest';
import { mayEndStream } from '../../src/qemu/stream-end.js';

test.each([
  ['a footer and the end', Buffer.from('00ff7e0000000300', 'hex'), true],
  ['the description of the devices', Buffer.from('"devices":[{}]}'), true],
  ['zeros, as of a page that is cut', Buffer.alloc(64), false],
  ['a footer without the end', Buffer.from('ff7e00000003', 'hex'), false],
  ['text', Buffer.from('}{}{}'), false],
  ['no bytes', Buffer.alloc(0), false],
])('%s', (_, bytes, expected) => {
  expect(mayEndStream(bytes)).toBe(expected);
});
