import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PageferryError } from '../../page/error.js';
import { explain } from './proc.js';

const PATIENCE_MS = 5000;
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Stops a process while `work` runs and lets it go on afterwards, whatever happens; also when this program is ended by a
 * signal or exits meanwhile. A process that stands still already is left so.
 * @throws PageferryError `io` when it cannot be stopped
 */
export async function whileStopped<T>(
  pid: number,
  work: (interrupted: () => boolean) => Promise<T>,
): Promise<T> {
  if (pid === process.pid)
    throw new PageferryError(
      'bad-argument',
      `pid ${pid}: is this program, which cannot stop itself and read on`,
    );
  if (allStopped(pid)) return work(() => false);
  let signal: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    signal ??= name;
  };
  const resume = () => {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {} // it has ended, or changed its user
  };
  // Where others listen for a signal it is theirs to end the program; alone, it would end at once with the process stopped.
  const alone = ENDING_SIGNALS.filter((name) => process.listenerCount(name) === 0);
  for (const name of ENDING_SIGNALS) process.on(name, onSignal);
  process.on('exit', resume);
  try {
    try {
      process.kill(pid, 'SIGSTOP');
    } catch (cause) {
      throw explain(pid, cause);
    }
    await untilStopped(pid);
    return await work(() => signal !== undefined);
  } finally {
    resume();
    process.off('exit', resume);
    for (const name of ENDING_SIGNALS) process.off(name, onSignal);
    const ending = alone.find((name) => name === signal);
    // Not at once: the caller is about to clean up.
    if (ending) setImmediate(() => process.kill(process.pid, ending));
  }
}

async function untilStopped(pid: number): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; !allStopped(pid); await sleep(1))
    if (performance.now() > deadline)
      throw new PageferryError('io', `pid ${pid}: did not stop within ${PATIENCE_MS} ms`);
}

/** Threads stop one by one; "T" is stopped, "t" stopped by a debugger, "Z" and "X" have ended. */
function allStopped(pid: number): boolean {
  try {
    const threads = fs.readdirSync(`/proc/${pid}/task`);
    const states = threads.map((thread) => threadState(`/proc/${pid}/task/${thread}/stat`));
    return states.every((state) => 'TtZX'.includes(state));
  } catch (cause) {
    throw explain(pid, cause);
  }
}

/** The state follows the name, which stands in brackets and may have brackets in it. */
function threadState(path: string): string {
  try {
    const stat = fs.readFileSync(path, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2);
  } catch {
    return 'X'; // it ended since it was listed
  }
}
