// The source keeps within what a destination accepts: bytes and frames of each connection.
import { expect, test } from 'vitest';
import { DeliveryRate } from '../../src/agent/flow/delivery-rate.js';
import { InFlightWindow, MAX_UNACKED_FRAMES } from '../../src/agent/flow/in-flight-window.js';

test('frames of few bytes close the window of their connection, and an ack opens it', () => {
  const window = new InFlightWindow(new DeliveryRate());
  let sentFrames = 0;
  for (; window.isOpen(1); sentFrames++) window.sent(1, 10);
  expect(sentFrames).toBe(MAX_UNACKED_FRAMES);
  expect(window.isOpen(0)).toBe(true);
  // Half a frame more than one.
  window.acked(1, 15);
  expect(window.isOpen(1)).toBe(true);
  window.sent(1, 10);
  expect(window.isOpen(1)).toBe(false);
  window.acked(1, 10 * (MAX_UNACKED_FRAMES + 1));
  expect(window.inFlightBytes).toBe(0);
  for (sentFrames = 0; window.isOpen(1); sentFrames++) window.sent(1, 10);
  expect(sentFrames).toBe(MAX_UNACKED_FRAMES);
});

test('large frames close it by their bytes', () => {
  const window = new InFlightWindow(new DeliveryRate());
  let sentFrames = 0;
  for (; window.isOpen(0); sentFrames++) window.sent(0, 1 << 17);
  expect(sentFrames).toBe(64);
  window.acked(0, (1 << 17) * sentFrames);
  expect(window.isOpen(0)).toBe(true);
});
