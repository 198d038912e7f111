import { expect } from 'vitest';
import { cut, replay } from './replay.js';

/**
 * What was told of a stream, without its places; the same however it is cut, and written again byte for byte.
 */
export function told(...parts: Uint8Array[]) {
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
