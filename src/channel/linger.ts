import type { Socket } from 'node:net';

/** Time in which the peer can read the last frame and end the connection. */
const LINGER_MS = 2000;

/** End a socket, and destroy it if the peer does not end it within two seconds. */
export function endSoon(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}
