import { expect } from 'vitest';
import { cut, replay } from './replay.js';

/**
 * Replay a stream in one piece and in pieces of several sizes. Expect the same events each time, and the same
 * bytes from the writer. Returns the events without their offsets.
 */
export function replayChecked(...parts: Uint8Array[]) {
  const stream = Buffer.concat(parts);
  const whole = replay([stream]);
  for (const bytes of [1, 7, 1000]) {
    const pieces = replay(cut(stream, bytes));
    expect(pieces.events).toEqual(whole.events);
    expect(pieces.out.equals(stream)).toBe(true);
  }
  expect(whole.out.equals(stream)).toBe(true);
  return { ...whole, bytes: stream.length, events: whole.events.map((event) => event.replace(/^\d+: /, '')) };
}
