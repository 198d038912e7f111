import { nodeModule } from '../../page/node-hooks.js';

/**
 * Return the cores that this process may use: those of its affinity, or fewer where the CPU quota of its
 * cgroup is less (`cpu.max`, cgroup v2, which Node 20 does not read). May be fractional.
 */
export function availableCores(): number {
  const os = nodeModule<typeof import('node:os')>('node:os');
  const cores = os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.min(cores, cpuQuota());
}

/**
 * Return how many of `asked` threads are worth having: on a single core one, since a worker's start and the
 * switches between threads would only take time from the work (a sixth of `fixed:zstd:1` at 1 Gbit/s).
 */
export function usefulThreads(asked: number): number {
  return asked > 1 && availableCores() <= 1 ? 1 : asked;
}

/** Return the cores of the lowest quota among this process's cgroup and those above it. */
function cpuQuota(): number {
  const fs = nodeModule<typeof import('node:fs')>('node:fs');
  if (!fs || globalThis.process?.platform !== 'linux') return Number.POSITIVE_INFINITY;
  const read = (file: string) => {
    try {
      return fs.readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  };
  const names = /^0::\/(.*)$/m.exec(read('/proc/self/cgroup'))?.[1]?.split('/') ?? [];
  // In a container the path is that of the host, and only the root of its own hierarchy exists.
  const folders = names.map((_, i) => `${names.slice(0, i + 1).join('/')}/`);
  return Math.min(...['', ...folders].map((folder) => quotaOf(read(`/sys/fs/cgroup/${folder}cpu.max`))));
}

/** Return the cores of a text such as "150000 100000" (microseconds a period); Infinity for "max 100000". */
export function quotaOf(text: string): number {
  const [quota, period] = text.trim().split(' ').map(Number);
  return quota! > 0 && period! > 0 ? quota! / period! : Number.POSITIVE_INFINITY;
}
