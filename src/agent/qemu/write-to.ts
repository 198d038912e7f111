import type { Socket } from 'node:net';
import { PageferryError } from '../../page/error.js';
import { Patience } from '../patience.js';

/**
 * Writes, and returns when there is room for more, or the socket is gone; `written` hears when the bytes are not needed any more.
 * @throws PageferryError when it takes nothing for so long
 */
export async function writeTo(
  socket: Socket,
  bytes: Uint8Array,
  stallMs: number,
  what: string,
  written: () => void = () => {},
): Promise<void> {
  if (socket.destroyed || socket.write(bytes, written)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = () => {
      patience.stop();
      socket.off('drain', on).off('close', on);
    };
    const on = () => {
      settle();
      resolve();
    };
    const patience = new Patience(stallMs, () => {
      settle();
      reject(new PageferryError('io', `${what} stalled, it took no byte for ${stallMs} ms`));
    });
    patience.start();
    socket.on('drain', on).on('close', on);
  });
}
