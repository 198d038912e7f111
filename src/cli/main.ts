import { PageferryError } from '../page/error.js';
import { VERSION } from '../version.js';
import { analyze } from './commands/analyze.js';
import { capture } from './commands/capture.js';
import { pack } from './commands/pack.js';
import { unpack } from './commands/unpack.js';
import { verify } from './commands/verify.js';
import { handleSignals } from './interrupt.js';
import { USAGE, UsageError } from './usage.js';

type Command = (argv: readonly string[]) => Promise<void>;

/** What few call, and what is large, is loaded when it is called. */
const COMMANDS: Readonly<Record<string, Command>> = {
  pack,
  unpack,
  verify,
  analyze,
  capture,
  tradeoff: async (argv) => (await import('./commands/tradeoff.js')).tradeoff(argv),
  simulate: async (argv) => (await import('./commands/simulate.js')).simulate(argv),
  agent: async (argv) => (await import('./commands/agent.js')).agent(argv),
};

async function main([command, ...argv]: readonly string[]): Promise<void> {
  if (command === undefined) throw new UsageError('needs a command');
  if (
    command === '--help' ||
    command === '-h' ||
    command === 'help' ||
    argv.includes('--help') ||
    argv.includes('-h')
  ) {
    process.stdout.write(USAGE);
    return;
  }
  if (command === '--version' || command === '-V') {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  if (!Object.hasOwn(COMMANDS, command)) throw new UsageError(`unknown command "${command}"`);
  await COMMANDS[command]!(argv);
}

handleSignals();
// The process ends by itself: on process.exit() V8's compiler threads can wait for this one, which waits for them (1 run in 600, Node 24).
// What reads our report may leave early, as `head` does: nothing to show a stack for.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`pageferry: standard output: ${error.message}\n`);
  process.exitCode ??= 1;
});
process.stderr.on('error', () => {});
try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`pageferry: ${error.message} (see pageferry --help)\n`);
    process.exitCode = 2;
  } else {
    process.stderr.write(
      `pageferry: ${error instanceof PageferryError ? error.message : ((error as Error)?.stack ?? error)}\n`,
    );
    process.exitCode = 1;
  }
}
