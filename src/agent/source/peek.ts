import type { Socket } from 'node:net';
import { Signal, sleep } from '../../page/sync.js';

const MAGIC_BYTES = 4;

/**
 * Return the first bytes of a connection, at most `bytes`; they stay in the socket's buffer. Undefined when
 * the connection ends before. @throws the abort reason
 */
async function peek(socket: Socket, bytes: number, signal?: AbortSignal): Promise<Buffer | undefined> {
  const changed = new Signal();
  const notify = () => changed.notify();
  const events = ['readable', 'end', 'close'] as const;
  for (const event of events) socket.on(event, notify);
  try {
    for (;;) {
      const head: Buffer | null = socket.destroyed ? null : socket.read(bytes);
      if (head) socket.unshift(head);
      if (head?.length === bytes) return head;
      if (head || socket.destroyed || socket.readableEnded) return undefined;
      await changed.wait(signal);
    }
  } finally {
    for (const event of events) socket.off(event, notify);
  }
}

/** Return the first four bytes of a connection as a big-endian number, as `peek`. */
export async function peekMagic(socket: Socket, signal?: AbortSignal): Promise<number | undefined> {
  return (await peek(socket, MAGIC_BYTES, signal))?.readUInt32BE(0);
}

/** As `peek`, but wait at most `ms`; undefined after that too. */
export async function peekWithin(socket: Socket, bytes: number, ms: number): Promise<Buffer | undefined> {
  const controller = new AbortController();
  const timeout = sleep(ms, controller.signal).then(() => undefined);
  const head = peek(socket, bytes, controller.signal);
  for (const pending of [timeout, head]) pending.catch(() => {});
  try {
    return await Promise.race([head, timeout]);
  } finally {
    controller.abort();
  }
}
