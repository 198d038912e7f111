import { type GuestFacts, readGuest } from '../../agent/measure/guest-facts.js';
import { QemuMonitor } from '../../agent/qmp/monitor.js';
import type { Address } from '../../channel/transports/address.js';
import { PageferryError } from '../../page/error.js';

/** The QEMU of this host in a check: one that cannot be asked is a result, not the end of the check. */
export class LocalQemu {
  /** Why QEMU cannot be asked, and what to do. */
  problem: string | undefined;

  private constructor(private readonly monitor: QemuMonitor | undefined) {}

  /** Connect to its QMP socket, if there is one to connect to. */
  static async connect(address: Address | undefined): Promise<LocalQemu> {
    if (address === undefined) return new LocalQemu(undefined);
    try {
      return new LocalQemu(await QemuMonitor.connect(address));
    } catch (cause) {
      const qemu = new LocalQemu(undefined);
      qemu.problem = problemOf(cause);
      return qemu;
    }
  }

  /** Read its guest, and close the connection. Undefined without a QEMU, or with a problem. */
  async guest(signal: AbortSignal, onNote: (message: string) => void): Promise<GuestFacts | undefined> {
    const { monitor } = this;
    if (!monitor) return undefined;
    try {
      return await readGuest(monitor, signal, onNote);
    } catch (cause) {
      if (signal.aborted) throw cause;
      this.problem = problemOf(cause);
      return undefined;
    } finally {
      monitor.close();
    }
  }

  /** Close the connection, and return the error of the peer, with the problem of this host too. */
  withProblem(cause: unknown): unknown {
    this.monitor?.close();
    if (this.problem === undefined || !(cause instanceof PageferryError)) return cause;
    return new PageferryError(cause.code, `${cause.message}; ${this.problem}`, { cause });
  }
}

/** Return the text of a failed check. @throws what QEMU is not the cause of */
function problemOf(cause: unknown): string {
  if (!(cause instanceof PageferryError)) throw cause;
  return cause.message;
}
