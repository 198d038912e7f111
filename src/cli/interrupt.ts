import { removePartialFiles } from '../image/fs/output.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const cleanups = new Set<() => void>();

/** Registers what is to be cleaned up when a signal ends the program; call the result when that is no longer needed. */
export function onInterrupt(cleanup: () => void): () => void {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

/** Lets a signal end the program as it would, but with nothing half-written left behind. */
export function handleSignals(): void {
  const end = (signal: NodeJS.Signals) => {
    removePartialFiles();
    for (const cleanup of cleanups) cleanup();
    for (const name of SIGNALS) process.removeListener(name, end);
    process.kill(process.pid, signal);
  };
  for (const name of SIGNALS) process.on(name, end);
}
