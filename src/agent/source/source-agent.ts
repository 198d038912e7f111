import type { AddressInfo } from 'node:net';
import { addressText } from '../../channel/transports/address.js';
import { listenAt } from '../../channel/transports/sockets.js';
import { ConnectionRouter } from './connection-router.js';
import { migrateGuest } from './migrate-guest.js';
import type { SourceAgentOptions } from './options.js';
import { SourceSessions } from './source-sessions.js';

/** A running source agent. */
export interface SourceAgent {
  /**
   * Have the QEMU of `qmp` migrate its guest: directly where that is the best mode, else to the agent after
   * `warmUp`. Resolve when it has migrated directly, or has connected to the agent. @throws PageferryError
   * with the state of the guest; the reason of `signal`
   */
  startMigration(warmUp: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Stop listening, end the current migrations, and resolve when everything is released. */
  close(): Promise<void>;
}

/** Listen for migrations of QEMU and send each to the destination agent. @throws PageferryError `io` */
export async function startSourceAgent(options: SourceAgentOptions): Promise<SourceAgent> {
  const { listen, peer, log } = options;
  const sessions = new SourceSessions(options);
  const router = new ConnectionRouter(sessions);
  const server = await listenAt(
    listen,
    (socket) => {
      socket.on('error', () => {});
      router.connected(socket);
    },
    ({ message }) => log({ level: 'error', migration: 0, message }),
  );
  const bound = 'path' in listen ? listen : { ...listen, port: (server.address() as AddressInfo).port };
  log({
    level: 'info',
    migration: 0,
    message: `listening for QEMU at ${addressText(bound)}; the destination agent is ${peer.address}`,
  });
  return {
    startMigration: (warmUp, signal) => migrateGuest(options, sessions, { listen: bound, warmUp, signal }),
    async close() {
      server.close();
      await sessions.close();
    },
  };
}
