import { nodeModule } from '../../page/node-hooks.js';

/**
 * Return the number of cores that this process may use: the lower of its CPU affinity and the CPU quota of
 * its cgroup (`cpu.max` of cgroup v2, which Node 20 does not read). May be fractional.
 */
export function availableCores(): number {
  const os = nodeModule<typeof import('node:os')>('node:os');
  const cores = os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.min(cores, cpuQuota());
}

/**
 * Return `asked`, or 1 on a single core: there, starting workers and switching between threads only costs
 * time (a sixth with `fixed:zstd:1` at 1 Gbit/s).
 */
export function usefulThreads(asked: number): number {
  return asked > 1 && availableCores() <= 1 ? 1 : asked;
}

/** Return the lowest quota, in cores, of this process's cgroup and its ancestors. */
function cpuQuota(): number {
  const fs = nodeModule<typeof import('node:fs')>('node:fs');
  if (!fs || globalThis.process?.platform !== 'linux') return Infinity;
  const read = (file: string) => {
    try {
      return fs.readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  };
  const names = /^0::\/(.*)$/m.exec(read('/proc/self/cgroup'))?.[1]?.split('/') ?? [];
  // In a container the path is the host's; only the root of the container's hierarchy can be read.
  const folders = names.map((_, i) => `${names.slice(0, i + 1).join('/')}/`);
  return Math.min(...['', ...folders].map((folder) => quotaOf(read(`/sys/fs/cgroup/${folder}cpu.max`))));
}

/**
 * Parse `cpu.max`, such as "150000 100000" (µs of quota, µs of period), to cores; Infinity for "max 100000".
 */
export function quotaOf(text: string): number {
  const [quota, period] = text.trim().split(' ').map(Number);
  return quota! > 0 && period! > 0 ? quota! / period! : Infinity;
}
