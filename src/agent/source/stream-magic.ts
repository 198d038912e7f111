import type { Socket } from 'node:net';
import { Signal, sleep } from '../../page/sync.js';

const MAGIC_BYTES = 4;

/**
 * Return the first four bytes of a connection as a big-endian number; they stay in the socket's buffer.
 * Undefined when the connection ends before. @throws the abort reason
 */
export async function peekMagic(socket: Socket, signal?: AbortSignal): Promise<number | undefined> {
  const changed = new Signal();
  const notify = () => changed.notify();
  const events = ['readable', 'end', 'close'] as const;
  for (const event of events) socket.on(event, notify);
  try {
    for (;;) {
      const head: Buffer | null = socket.destroyed ? null : socket.read(MAGIC_BYTES);
      if (head) socket.unshift(head);
      if (head?.length === MAGIC_BYTES) return head.readUInt32BE(0);
      if (head || socket.destroyed || socket.readableEnded) return undefined;
      await changed.wait(signal);
    }
  } finally {
    for (const event of events) socket.off(event, notify);
  }
}

/** As `peekMagic`, but wait at most `ms`; undefined after that too. */
export async function peekMagicWithin(socket: Socket, ms: number): Promise<number | undefined> {
  const controller = new AbortController();
  const timeout = sleep(ms, controller.signal).then(() => undefined);
  const magic = peekMagic(socket, controller.signal);
  for (const pending of [timeout, magic]) pending.catch(() => {});
  try {
    return await Promise.race([magic, timeout]);
  } finally {
    controller.abort();
  }
}
