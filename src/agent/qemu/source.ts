import type { Server } from 'node:net';
import { addressText, listenAt } from './address.js';
import { type SourceAgentOptions, SourceSession } from './source-session.js';

/** Listens for migrations of QEMU, and passes each on to the other agent; one at a time. */
export async function startSourceAgent(options: SourceAgentOptions): Promise<{ readonly server: Server; close(): Promise<void> }> {
  let current: SourceSession | undefined;
  let count = 0;
  const server = await listenAt(options.listen, (socket) => {
    socket.on('error', () => {});
    if (current) return current.another(socket);
    const session = new SourceSession(options, ++count, socket);
    current = session;
    session.run().then((error) => {
      current = undefined;
      options.ended?.(error);
    });
  });
  options.log({ level: 'info', session: 0, message: `waits for QEMU at ${addressText(options.listen)}` });
  return {
    server,
    async close() {
      server.close();
      await current?.stop('the agent was stopped');
    },
  };
}
