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
  const { abandonMs = 60_000 } = options;
  const abandoned = `QEMU began another migration, and ${abandonMs} ms later the destination's QEMU had not closed its connection: its log has the result of this one`;
  let abandoning: NodeJS.Timeout | undefined;
  const wait = (socket: Socket) => {
    waiting.push(socket);
    abandoning ??= setTimeout(() => current?.stop(abandoned), abandonMs);
  };
  const connected = (socket: Socket) => {
    if (isClosed) socket.destroy();
    else if (!current) begin(socket);
    else if (current.isOver) wait(socket);
    else current.add(socket, () => connected(socket));
  };
  const begin = (socket: Socket) => {
    options.onBegin?.();
    current = new SourceSession(options, ++count, socket);
    running = current.run().then((error) => {
      current = undefined;
      clearTimeout(abandoning);
      abandoning = undefined;
      options.onEnd?.(error);
      for (const next of waiting.splice(0)) connected(next);
    });
  };
  const { listen, peer, log } = options;
  const accepted = (socket: Socket) => {
    socket.on('error', () => {});
    connected(socket);
  };
  const server = await listenAt(listen, accepted, ({ message }) =>
    log({ level: 'error', migration: 0, message }),
  );
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
