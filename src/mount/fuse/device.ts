import fs from 'node:fs';
import { errnoOf } from '../../image/fs/errno.js';
import type { FuseSession } from './session.js';

/**
 * Answer the kernel's requests until the mount has ended. Blocks the thread: a system call that waits for a
 * request takes less time than an event loop.
 * @throws the system's error when the device fails
 */
export function serveDevice(device: number, request: Uint8Array, session: FuseSession): void {
  for (;;) {
    let bytes: number;
    try {
      bytes = fs.readSync(device, request);
    } catch (cause) {
      const errno = errnoOf(cause);
      if (errno === 'ENODEV') return;
      // The request was interrupted before it was read, or the thread got a signal.
      if (errno === 'ENOENT' || errno === 'EINTR' || errno === 'EAGAIN') continue;
      throw cause;
    }
    const replyBytes = session.handle(bytes);
    if (replyBytes === 0) continue;
    try {
      fs.writeSync(device, session.reply, 0, replyBytes);
    } catch (cause) {
      // The process that made the request was killed.
      const errno = errnoOf(cause);
      if (errno === 'ENODEV') return;
      if (errno !== 'ENOENT') throw cause;
    }
  }
}
