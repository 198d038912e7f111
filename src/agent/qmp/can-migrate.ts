import { PageferryError } from '../../page/error.js';
import type { QemuMonitor } from './monitor.js';

/** States of a migration that is over. */
export const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/** States of a QEMU that has no guest to migrate. */
const WITHOUT_GUEST: Readonly<Record<string, string>> = {
  inmigrate: 'QEMU waits for a guest itself: name the QEMU that has the guest',
  postmigrate: 'the guest has left this QEMU',
};

/** Check that QEMU has a guest, and no migration in progress. @throws PageferryError `io` */
export async function checkCanMigrate(monitor: QemuMonitor): Promise<void> {
  const { status } = await monitor.progress();
  if (status !== 'none' && !ENDED.has(status))
    throw new PageferryError('io', `QEMU is in another migration, in the state "${status}"`);
  const reason = WITHOUT_GUEST[await monitor.status()];
  if (reason !== undefined) throw new PageferryError('io', reason);
}
