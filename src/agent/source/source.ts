import type { Server, Socket } from 'node:net';
import { addressText, listenAt } from '../../channel/transports/address.js';
import { type SourceAgentOptions, SourceSession } from './source-session.js';

/** Listens for migrations of QEMU, and passes each on to the other agent; one at a time. */
export async function startSourceAgent(
  options: SourceAgentOptions,
): Promise<{ readonly server: Server; close(): Promise<void> }> {
  let current: SourceSession | undefined;
  let running: Promise<void> | undefined;
  let count = 0;
  /** QEMU may try again before all of a failed attempt is put away. */
  const waiting: Socket[] = [];
  const connected = (socket: Socket) => {
    if (current?.isOver) waiting.push(socket);
    else if (current) current.another(socket);
    else begin(socket);
  };
  const begin = (socket: Socket) => {
    const session = new SourceSession(options, ++count, socket);
    current = session;
    running = session.run().then((error) => {
      current = undefined;
      options.ended?.(error);
      for (const next of waiting.splice(0)) connected(next);
    });
  };
  const server = await listenAt(options.listen, (socket) => {
    socket.on('error', () => {});
    connected(socket);
  });
  options.log({ level: 'info', session: 0, message: `waits for QEMU at ${addressText(options.listen)}` });
  return {
    server,
    async close() {
      server.close();
      for (const socket of waiting.splice(0)) socket.destroy();
      current?.stop('the agent was stopped');
      await running;
    },
  };
}
