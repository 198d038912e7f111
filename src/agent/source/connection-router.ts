import type { Socket } from 'node:net';
import { SerialQueue } from '../../page/sync.js';
import { classify } from './classify.js';
import type { SourceSessions } from './source-sessions.js';

/** Routes each connection of a QEMU to the migration that it belongs to, or to a new one. */
export class ConnectionRouter {
  /** QEMU 7.2 takes the order of connections for their meaning. */
  private readonly turns = new SerialQueue();

  constructor(private readonly sessions: SourceSessions) {}

  connected(socket: Socket): void {
    const { sessions } = this;
    if (sessions.isClosed) socket.destroy();
    else if (sessions.open.length === 0) sessions.admit(socket);
    else {
      const decided = this.turns.run(() => this.route(socket));
      for (const session of sessions.open) session.hold(decided);
    }
  }

  private async route(socket: Socket): Promise<unknown> {
    const { sessions } = this;
    const mayUsePreempt = () => sessions.open.some(({ advisesPostcopy }) => advisesPostcopy);
    const found = await classify(socket, mayUsePreempt);
    if (found.kind === 'preempt' && isEnded(socket) && !mayUsePreempt()) return socket.destroy();
    if (found.kind === 'main') return sessions.attempt(socket);
    const { open } = sessions;
    const youngest = open.findLast(({ uuid, advisesPostcopy }) =>
      found.kind === 'multifd' ? uuid === undefined : advisesPostcopy,
    );
    const named = found.uuid === undefined ? undefined : open.find(({ uuid }) => uuid === found.uuid);
    const session = named ?? youngest ?? open.at(-1);
    if (!session) return sessions.admit(socket);
    session.uuid ??= found.uuid;
    session.add(socket, found.kind, () => void this.turns.run(() => sessions.attempt(socket)));
  }
}

/** QEMU has closed a connection, or broken it off. */
function isEnded(socket: Socket): boolean {
  return socket.readableEnded || socket.destroyed;
}
