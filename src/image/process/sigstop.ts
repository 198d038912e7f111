import fs from 'node:fs';
import { badArgument, PageferryError } from '../../page/error.js';
import { sleep, throwIfAborted } from '../../page/sync.js';
import { processError } from './proc.js';

const STOP_TIMEOUT_MS = 5000;
const POLL_MS = 1;
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Stop a process (SIGSTOP) while `work` runs and let it continue afterwards (SIGCONT), also after a failure,
 * and if a signal ends this program, in which case the signal that `work` gets is aborted. A process that was
 * stopped before stays stopped.
 * @throws PageferryError `io` if it cannot be stopped; the reason of `signal`
 */
export async function whileStopped<T>(
  pid: number,
  work: (signal: AbortSignal | undefined) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  throwIfAborted(signal);
  if (pid === process.pid)
    throw badArgument(`pid ${pid}: is this program, which cannot stop itself and read`);
  if (isStopped(pid)) return work(signal);
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    received ??= name;
    controller.abort(new PageferryError('io', `pid ${pid}: reading was interrupted by ${name}`));
  };
  const onAbort = () => controller.abort(signal!.reason);
  const resume = () => {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {} // it has ended, or changed its user
  };
  // Another listener decides whether a signal ends the program. Without one it would end at once and leave
  // the process stopped.
  const unhandled = ENDING_SIGNALS.filter((name) => process.listenerCount(name) === 0);
  for (const name of ENDING_SIGNALS) process.on(name, onSignal);
  process.on('exit', resume);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    sendStop(pid);
    await untilStopped(pid, controller.signal);
    return await work(controller.signal);
  } finally {
    resume();
    process.off('exit', resume);
    signal?.removeEventListener('abort', onAbort);
    for (const name of ENDING_SIGNALS) process.off(name, onSignal);
    const ending = unhandled.find((name) => name === received);
    // After the caller's clean-up.
    if (ending) setImmediate(() => process.kill(process.pid, ending));
  }
}

function sendStop(pid: number): void {
  try {
    process.kill(pid, 'SIGSTOP');
  } catch (cause) {
    throw processError(pid, cause);
  }
}

async function untilStopped(pid: number, signal: AbortSignal): Promise<void> {
  for (const deadline = performance.now() + STOP_TIMEOUT_MS; !isStopped(pid); await sleep(POLL_MS, signal))
    if (performance.now() > deadline)
      throw new PageferryError('io', `pid ${pid}: did not stop within ${STOP_TIMEOUT_MS} ms`);
}

/** Threads stop one by one. "T" is stopped, "t" stopped by a debugger, "Z" and "X" have ended. */
function isStopped(pid: number): boolean {
  try {
    const threads = fs.readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) => 'TtZX'.includes(threadState(`/proc/${pid}/task/${thread}/stat`)));
  } catch (cause) {
    throw processError(pid, cause);
  }
}

/** The state follows the name, which is in brackets and may contain brackets. */
function threadState(path: string): string {
  try {
    const stat = fs.readFileSync(path, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2);
  } catch {
    return 'X'; // it has ended since it was listed
  }
}
