// The command line in this process: what commands print and return, without the start of a process each time.
import { vi } from 'vitest';
import { reportFailure, run } from '../../src/cli/program.js';
import { SignalHandler } from '../../src/cli/signals.js';
import { expectDone, expectFailure, type Run } from './cli.js';

/** Run a command to its end. Calls must not overlap: the outputs of the process are replaced meanwhile. */
export async function cli(args: readonly string[]): Promise<Run> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += text;
      return true;
    }),
  );
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    const failure = await run(args, new SignalHandler()).then(() => undefined, reportFailure);
    const code = failure ?? Number(process.exitCode ?? 0);
    return { code, signal: null, stdout: Buffer.from(written.stdout), stderr: written.stderr };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

/** Run a command and expect success. */
export async function done(args: readonly string[]): Promise<Run> {
  return expectDone(await cli(args));
}

/** Run a command and expect failure, with one line on standard error. */
export async function fails(code: 1 | 2, args: readonly string[], message: RegExp): Promise<Run> {
  return expectFailure(await cli(args), code, message);
}
