// The source keeps within what a destination accepts: bytes and frames of each connection.
import { expect, test } from 'vitest';
import {
  InFlightWindow,
  MAX_MAIN_IN_FLIGHT_BYTES,
  MAX_UNACKED_FRAMES,
} from '../../src/agent/flow/in-flight-window.js';

test('frames of few bytes close the window of their connection, and an ack opens it', () => {
  const window = new InFlightWindow();
  let sentFrames = 0;
  for (; window.isOpen(1); sentFrames++) window.sent(1, 10, 0);
  expect(sentFrames).toBe(MAX_UNACKED_FRAMES);
  expect(window.isOpen(0)).toBe(true);
  // Half a frame more than one.
  window.acked(1, 15, 1, false);
  expect(window.isOpen(1)).toBe(true);
  window.sent(1, 10, 0);
  expect(window.isOpen(1)).toBe(false);
  window.acked(1, 10 * (MAX_UNACKED_FRAMES + 1), 1, false);
  expect(window.inFlightBytes).toBe(0);
  for (sentFrames = 0; window.isOpen(1); sentFrames++) window.sent(1, 10, 0);
  expect(sentFrames).toBe(MAX_UNACKED_FRAMES);
});

/** Send and ack frames of 128 KiB, 8 at a time, one round trip of 1 ms after the other. */
function warm(window: InFlightWindow, connection: number): number {
  let sent = 0;
  for (let nowMs = 0; nowMs < 2000; nowMs++) {
    for (let i = 0; window.isOpen(connection) && i < 1024; i++, sent += 1 << 17)
      window.sent(connection, 1 << 17, nowMs);
    window.acked(connection, sent, nowMs + 1, false);
  }
  return sent;
}

test.each([
  [0, 8 << 20, 8 << 20],
  [0, MAX_MAIN_IN_FLIGHT_BYTES, MAX_MAIN_IN_FLIGHT_BYTES],
  [1, MAX_MAIN_IN_FLIGHT_BYTES, 8 << 20],
])(
  'large frames close the window of connection %d: the destination accepts %d bytes on the main one',
  (connection, maxMainBytes, most) => {
    const window = new InFlightWindow();
    window.maxMainBytes = maxMainBytes;
    const acked = warm(window, connection);
    let sentBytes = 0;
    for (; window.isOpen(connection); sentBytes += 1 << 17) window.sent(connection, 1 << 17, 2001);
    expect(sentBytes).toBe(most);
    window.acked(connection, acked + sentBytes, 2002, false);
    expect(window.isOpen(connection)).toBe(true);
  },
);
