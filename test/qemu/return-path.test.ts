import { expect, test } from 'vitest';
import { QemuReturnReader } from '../../src/qemu/return-path.js';
import { be16, be32, be64, countedString } from '../../testing/qemu/craft.js';
import { cut, fixture } from '../../testing/qemu/replay.js';

function heard(stream: Uint8Array, pieceBytes = stream.length): string[] {
  const said: string[] = [];
  const reader = new QemuReturnReader({
    onMessage: (name) => said.push(name),
    onShut: (error) => said.push(`  error ${error}`),
    onPong: (number) => said.push(`  number ${number}`),
    onPageRequest: (block, start, bytes) => said.push(`  ${block ?? 'the same'} ${start} ${bytes}`),
    onOpaque: (reason, at) => said.push(`opaque at ${at}: ${reason}`),
  });
  for (const piece of cut(stream, Math.max(1, pieceBytes))) reader.push(piece);
  return said;
}

function message(type: number, payload: Uint8Array): Buffer {
  return Buffer.concat([be16(type), be16(payload.length), payload]);
}

test('what QEMU said: of a precopy', () => {
  expect(heard(fixture('return-path-back'))).toEqual(['PONG', '  number 1', 'SHUT', '  error 0']);
});

test.each(['postcopy', 'preempt'])('what QEMU said: of %s', (name) => {
  const stream = fixture(`${name}-back`);
  const said = heard(stream);
  const requests = said.filter((line) => /^ {2}(pc\.ram|the same) \d+ 4096$/.test(line));
  expect(said.filter((line) => line.startsWith('REQ_PAGES')).length).toBe(requests.length);
  expect(requests.length).toBeGreaterThan(3);
  expect(requests[0]).toMatch(/pc\.ram 65536 /);
  expect(said.filter((line) => line.startsWith('  number')).sort()).toEqual(
    [1, 2, 3, 4].map((ping) => `  number ${ping}`),
  );
  expect(said.slice(-2)).toEqual(['SHUT', '  error 0']);
  for (const bytes of [1, 2, 3, 4, 5, 7, 16, 50]) expect(heard(stream, bytes)).toEqual(said);
});

test('a bitmap is no message', () => {
  const bitmap = Buffer.concat([be64(24), Buffer.alloc(24, 1), be64(0x0123456789abcdefn)]);
  const stream = Buffer.concat([
    message(5, countedString('pc.ram')),
    bitmap,
    message(6, be32(1)),
    message(7, Buffer.alloc(0)),
    message(1, be32(5)),
  ]);
  const said = heard(stream);
  expect(said).toEqual(['RECV_BITMAP', 'RESUME_ACK', 'SWITCHOVER_ACK', 'SHUT', '  error 5']);
  for (let bytes = 1; bytes < 60; bytes++) expect(heard(stream, bytes)).toEqual(said);
});

test.each([
  ['opaque at 8: message type 99', Buffer.concat([message(2, be32(1)), message(99, be32(1))])],
  ['opaque at 0: message INVALID of 0 bytes', message(0, Buffer.alloc(0))],
  ['opaque at 0: message PONG of 3 bytes', message(2, Buffer.alloc(3))],
  [
    'opaque at 0: message REQ_PAGES_ID of 20 bytes, with a block name of another length',
    message(3, Buffer.alloc(20)),
  ],
  [
    'opaque at 10: a bitmap of 4294967296 bytes',
    Buffer.concat([message(5, countedString('ram-x')), be64(2 ** 32)]),
  ],
])('%s', (said, stream) => {
  expect(heard(stream).at(-1)).toBe(said);
  expect(heard(stream, 1).at(-1)).toBe(said);
});
