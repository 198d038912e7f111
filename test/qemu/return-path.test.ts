import { expect, test } from 'vitest';
import { QemuReturnReader } from '../../src/qemu/return-path.js';
import { be16, be32, be64, countedString } from '../../testing/qemu/craft.js';
import { cut, fixture } from '../../testing/qemu/replay.js';

/** The events of a return path that arrives in pieces. */
function eventsOf(stream: Uint8Array, pieceBytes = stream.length): string[] {
  const events: string[] = [];
  const reader = new QemuReturnReader({
    onMessage: (name) => events.push(name),
    onShut: (error) => events.push(`  error ${error}`),
    onPong: (number) => events.push(`  number ${number}`),
    onPageRequest: (block, start, bytes) => events.push(`  ${block ?? 'the same'} ${start} ${bytes}`),
    onOpaque: (reason, at) => events.push(`opaque at ${at}: ${reason}`),
  });
  for (const piece of cut(stream, Math.max(1, pieceBytes))) reader.push(piece);
  return events;
}

function message(type: number, payload: Uint8Array): Buffer {
  return Buffer.concat([be16(type), be16(payload.length), payload]);
}

test('the messages of QEMU 7.2 after pre-copy', () => {
  expect(eventsOf(fixture('return-path-back'))).toEqual(['PONG', '  number 1', 'SHUT', '  error 0']);
});

test.each(['postcopy', 'preempt'])('the messages of QEMU 7.2 during %s', (name) => {
  const stream = fixture(`${name}-back`);
  const events = eventsOf(stream);
  const requests = events.filter((line) => /^ {2}(pc\.ram|the same) \d+ 4096$/.test(line));
  expect(events.filter((line) => line.startsWith('REQ_PAGES')).length).toBe(requests.length);
  expect(requests.length).toBeGreaterThan(3);
  expect(requests[0]).toMatch(/pc\.ram 65536 /);
  expect(events.filter((line) => line.startsWith('  number')).sort()).toEqual(
    [1, 2, 3, 4].map((ping) => `  number ${ping}`),
  );
  expect(events.slice(-2)).toEqual(['SHUT', '  error 0']);
  for (const bytes of [1, 2, 3, 4, 5, 7, 16, 50]) expect(eventsOf(stream, bytes)).toEqual(events);
});

test('a bitmap after RECV_BITMAP is skipped', () => {
  const bitmap = Buffer.concat([be64(24), Buffer.alloc(24, 1), be64(0x0123456789abcdefn)]);
  const stream = Buffer.concat([
    message(5, countedString('pc.ram')),
    bitmap,
    message(6, be32(1)),
    message(7, Buffer.alloc(0)),
    message(1, be32(5)),
  ]);
  const events = eventsOf(stream);
  expect(events).toEqual(['RECV_BITMAP', 'RESUME_ACK', 'SWITCHOVER_ACK', 'SHUT', '  error 5']);
  for (let bytes = 1; bytes < 60; bytes++) expect(eventsOf(stream, bytes)).toEqual(events);
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
])('%s', (event, stream) => {
  expect(eventsOf(stream).at(-1)).toBe(event);
  expect(eventsOf(stream, 1).at(-1)).toBe(event);
});
