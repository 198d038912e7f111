import fs from 'node:fs';
import { errnoOf } from '../../image/fs/errno.js';
import type { FuseSession } from './session.js';

/**
 * Answer the kernel's requests until nothing is mounted any more. Blocks its thread: waiting for a request in
 * a system call takes less time than the events of a loop.
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
      // A request was withdrawn before it was read, or a signal came.
      if (errno === 'ENOENT' || errno === 'EINTR' || errno === 'EAGAIN') continue;
      throw cause;
    }
    const replyBytes = session.handle(bytes);
    if (replyBytes === 0) continue;
    try {
      fs.writeSync(device, session.reply, 0, replyBytes);
    } catch (cause) {
      // The process that asked has been killed: no one waits for the answer.
      const errno = errnoOf(cause);
      if (errno === 'ENODEV') return;
      if (errno !== 'ENOENT') throw cause;
    }
  }
}
