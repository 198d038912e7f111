import type { Socket } from 'node:net';
import { MULTIFD_MAGIC, QEMU_MAGIC } from '../../qemu/format.js';
import { MULTIFD_HEAD_BYTES, uuidOfMultifd } from '../guest-uuid.js';
import { peekWithin } from './peek.js';

/**
 * QEMU sends the magic of a migration, or of a connection of multifd, at once; postcopy's preempt channel has
 * none, and may send nothing for a long time.
 */
const PEEK_MS = 300;
/** A host that is busy may take longer to send them, where the guest has no preempt channel. */
const MAX_PEEKS = 10;
const MAGIC_BYTES = 4;

/** Kind of a connection of QEMU, from its first bytes. */
export interface ConnectionKind {
  readonly kind: 'main' | 'multifd' | 'preempt';
  /** The guest's UUID, where a channel of multifd states one. */
  readonly uuid: string | undefined;
}

/**
 * Return what a connection is. Its bytes stay in the socket. `hasPreempt`: whether a migration may use
 * postcopy's preempt channel.
 */
export async function classify(socket: Socket, hasPreempt: () => boolean): Promise<ConnectionKind> {
  let magic: number | undefined;
  for (let i = 0; i < MAX_PEEKS && magic === undefined && !socket.readableEnded; i++) {
    if (i > 0 && hasPreempt()) break;
    magic = (await peekWithin(socket, MAGIC_BYTES, PEEK_MS))?.readUInt32BE(0);
  }
  if (magic === QEMU_MAGIC) return { kind: 'main', uuid: undefined };
  if (magic !== MULTIFD_MAGIC) return { kind: 'preempt', uuid: undefined };
  const head = await peekWithin(socket, MULTIFD_HEAD_BYTES, PEEK_MS);
  return { kind: 'multifd', uuid: head && uuidOfMultifd(head) };
}
