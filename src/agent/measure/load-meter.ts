import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';

/** CPU time since an arbitrary start: of all cores, busy and in all, and of this process. In ms. */
export interface CpuTimes {
  readonly busyMs: number;
  readonly totalMs: number;
  readonly ownMs: number;
}

/** A measurement over fewer ticks of the kernel's clock (10 ms) says little. */
const MIN_MS = 300;

/** Measures the cores that other processes use, from its creation on. */
export class LoadMeter {
  private readonly start: CpuTimes;

  constructor(
    private readonly read: () => CpuTimes = readCpuTimes,
    private readonly cores = availableParallelism(),
  ) {
    this.start = read();
  }

  /**
   * Return the cores of this host that others use, as a fraction of all of them times the cores that this
   * process may use; undefined where too little time has passed, or the system does not report it.
   */
  busyCores(): number | undefined {
    const { read, start, cores } = this;
    const now = read();
    const totalMs = now.totalMs - start.totalMs;
    if (!(totalMs >= MIN_MS)) return undefined;
    const othersMs = now.busyMs - start.busyMs - (now.ownMs - start.ownMs);
    return cores * Math.min(1, Math.max(0, othersMs / totalMs));
  }
}

function readCpuTimes(): CpuTimes {
  let busyMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busyMs += used;
    totalMs += used + times.idle;
  }
  const { user, system } = process.cpuUsage();
  return { busyMs, totalMs, ownMs: (user + system) / 1000 };
}
