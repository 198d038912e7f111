import { removePartialFiles } from '../image/fs/partial-file.js';
import { removeTemporaryFolders } from '../image/fs/temporary-folder.js';
import { printErrorLine } from './terminal.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Signals in this time are one request: timeout(1) and service managers signal a program, then its group. */
const SAME_REQUEST_MS = 200;
const cleanups = new Set<() => void>();
let active: SignalHandler | undefined;

/**
 * Register a cleanup for the case that the program ends before its command does; call the result to withdraw
 * it.
 */
export function onForcedEnd(cleanup: () => void): () => void {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

/** Remove partial files and temporary folders, and run the registered cleanups. */
export function cleanUp(): void {
  removePartialFiles();
  removeTemporaryFolders();
  for (const cleanup of cleanups) cleanup();
}

/**
 * Let a signal end the program at once from now on: for a command that writes into a pipe in calls that block
 * this thread, where no handler runs while the reader stalls. Nothing may be left to clean up.
 */
export function letSignalsEnd(): void {
  active?.release();
}

/** Turns signals of the operating system into one abort. */
export class SignalHandler {
  private readonly controller = new AbortController();
  private received: NodeJS.Signals | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** When the command had been asked to stop, in milliseconds. */
  private askedMs = 0;
  /** Time between the abort and a forced end. */
  stopMs = 2000;

  /** The signal that was received first. */
  get name(): NodeJS.Signals | undefined {
    return this.received;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  start(): void {
    active = this;
    for (const name of SIGNALS) process.on(name, this.onSignal);
  }

  /** Stop handling signals, unless one was received. */
  release(): void {
    if (this.received === undefined) this.removeHandlers();
  }

  /**
   * The command has ended: stop waiting. After a signal the program lives as long as a second one may belong
   * to the same request: without a handler it would change the exit status.
   */
  stop(): void {
    clearTimeout(this.timer);
    if (this.received === undefined) this.removeHandlers();
    else setTimeout(() => {}, SAME_REQUEST_MS - (performance.now() - this.askedMs));
  }

  /**
   * End the program by the signal, so that its parent sees the true reason, with no partial file left behind.
   */
  endProgram(): void {
    // Cleanup first: without handlers the next signal would end the program at once.
    cleanUp();
    clearTimeout(this.timer);
    this.removeHandlers();
    printErrorLine(`pageferry: stopped by ${this.received}`);
    process.kill(process.pid, this.received!);
  }

  private removeHandlers(): void {
    for (const name of SIGNALS) process.off(name, this.onSignal);
  }

  /** The first signal asks the command to stop; a second one ends the program at once. */
  private readonly onSignal = (name: NodeJS.Signals): void => {
    if (this.received !== undefined) {
      if (performance.now() - this.askedMs > SAME_REQUEST_MS) this.endProgram();
      return;
    }
    this.received = name;
    this.timer = setTimeout(() => this.endProgram(), this.stopMs);
    this.controller.abort(new DOMException(`stopped by ${name}`, 'AbortError'));
    // After the abort: signals that came meanwhile are handled only now.
    this.askedMs = performance.now();
  };
}
