import type { Socket } from 'node:net';
import { addressText } from '../../channel/transports/address.js';
import { listenAt } from '../../channel/transports/sockets.js';
import type { SourceAgentOptions } from './options.js';
import { SourceSession } from './source-session.js';

/** A running source agent. */
export interface SourceAgent {
  /** Stop listening, end the current migration, and resolve when everything is released. */
  close(): Promise<void>;
}

/**
 * Listen for migrations of QEMU and send each to the destination agent, one at a time. @throws PageferryError
 * `io`
 */
export async function startSourceAgent(options: SourceAgentOptions): Promise<SourceAgent> {
  let current: SourceSession | undefined;
  let running: Promise<void> | undefined;
  let isClosed = false;
  let count = 0;
  /** Connections of the next attempt, which QEMU may begin before the current one is released. */
  const waiting: Socket[] = [];
  const connected = (socket: Socket) => {
    if (isClosed) socket.destroy();
    else if (!current) begin(socket);
    else if (current.isOver) waiting.push(socket);
    else current.add(socket, () => connected(socket));
  };
  const begin = (socket: Socket) => {
    options.onBegin?.();
    current = new SourceSession(options, ++count, socket);
    running = current.run().then((error) => {
      current = undefined;
      options.onEnd?.(error);
      for (const next of waiting.splice(0)) connected(next);
    });
  };
  const server = await listenAt(options.listen, (socket) => {
    socket.on('error', () => {});
    connected(socket);
  });
  const { listen, peer, log } = options;
  log({
    level: 'info',
    migration: 0,
    message: `listening for QEMU at ${addressText(listen)}; the destination agent is ${peer.address}`,
  });
  return {
    async close() {
      isClosed = true;
      server.close();
      for (const socket of waiting.splice(0)) socket.destroy();
      current?.stop('the agent was stopped');
      await running;
    },
  };
}
