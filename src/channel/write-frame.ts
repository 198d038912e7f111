import type { Socket } from 'node:net';
import { type FrameType, frameHead, HEAD_BYTES, type Role } from './frame.js';

/**
 * Write a frame to a socket. The parts of a large one are not copied, which would take as long as the write:
 * they must not change while `socket.writableNeedDrain`.
 */
export function writeFrame(
  socket: Socket,
  role: Role,
  type: FrameType,
  sequence: number,
  parts: readonly Uint8Array[],
): void {
  const head = frameHead(role, type, sequence, parts);
  const bytes = parts.reduce((sum, { length }) => sum + length, HEAD_BYTES);
  // Only a write of that many bytes makes the socket need to drain.
  if (bytes < socket.writableHighWaterMark) {
    socket.write(Buffer.concat([head, ...parts], bytes));
    return;
  }
  socket.cork();
  for (const part of [head, ...parts]) socket.write(part);
  socket.uncork();
}
