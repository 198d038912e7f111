import type { MigrationLifetime } from './lifetime.js';
import type { MessageLog } from './log.js';

/**
 * Time for a guest that is being handed over to arrive, once an agent is stopped: whether its QEMU runs it is
 * not known before. Shorter than the time that the program gives an agent to end.
 */
const HAND_OVER_MS = 3500;

/** State in a failure of the destination that does not exclude that its QEMU runs the guest. */
export const MAY_RUN = 'QEMU may have the whole guest and run it';

/** Call `end` where the migration does not end within a time. */
export function endAfterHandOver({ signal }: MigrationLifetime, log: MessageLog, end: () => void): void {
  if (signal.aborted) return;
  log('warn', `the agent is stopped while the guest is handed over; waiting at most ${HAND_OVER_MS} ms`);
  const timer = setTimeout(end, HAND_OVER_MS);
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
