import { reportFailure, run } from './program.js';
import { cleanUp, SignalHandler } from './signals.js';
import { printErrorLine } from './terminal.js';

/** Run the command that the arguments of the process name, with its outputs, signals and exit status. */
export function start(): void {
  const handler = new SignalHandler();
  handler.start();
  process.stderr.on('error', () => {});

  let isSettled = false;
  // An event loop without work ends the program even while a promise is pending.
  process.on('exit', () => {
    if (isSettled || handler.name !== undefined) return;
    cleanUp();
    printErrorLine('pageferry: ended with work pending; this is a fault of the program');
    process.exitCode = 1;
  });
  // No process.exit() at the end: V8's compiler threads can deadlock with it (1 run in 600, Node 24).
  void settle(handler).then(() => {
    isSettled = true;
  });
}

async function settle(handler: SignalHandler): Promise<void> {
  try {
    await run(process.argv.slice(2), handler);
    handler.stop();
  } catch (error) {
    if (handler.name === undefined) {
      handler.stop();
      process.exitCode = reportFailure(error);
    } else handler.endProgram();
  }
}
