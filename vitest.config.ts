import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Some tests have real QEMUs, signals and time limits, which a busy machine can upset: in CI a failed test
// runs again, and `.ci/run` names the tests that passed only then.
const retry = process.env.CI ? 1 : 0;
const cores = availableParallelism();

/** Tests with guests and live links have time limits: what runs beside them slows them down. */
const WITH_GUESTS = /^test\/((agent|channel|mount|qemu)\/|cli\/agent|image\/.*(qemu|real)\.test)/;
/** Tests in these folders that have neither: they parse recorded streams, or check options. */
const WITHOUT_GUESTS =
  /^test\/(qemu\/(conf|crafted|hostile|return|stream-)|cli\/agent-usage|agent\/forecast\/)/;
/**
 * V8 collects garbage for the large memory of every encoder and decoder. Its helper threads compete with the
 * other file for the cores: without them such tests take half of the CPU time.
 */
const ONE_GC_THREAD = ['--single-threaded-gc'];
/** Tests of the engine share processes, each of which loads and compiles it once. */
const ENGINE = /^test\/(analyze|codec|dedup|engine|hostile|kernels|page|simulate|strategy|stream)\//;

const files = readdirSync(new URL('test', import.meta.url), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `test/${file.replaceAll('\\', '/')}`);
const withGuests = files.filter((file) => WITH_GUESTS.test(file) && !WITHOUT_GUESTS.test(file));
const engine = files.filter((file) => ENGINE.test(file) && !needsProcess(file));
const others = files.filter((file) => !withGuests.includes(file) && !engine.includes(file));

/** Whether a file replaces modules, which others have loaded then, or changes its process. */
function needsProcess(file: string): boolean {
  return /\b(vi\.(mock|doMock|resetModules)|process\.on)\(/.test(
    readFileSync(new URL(file, import.meta.url), 'utf8'),
  );
}

/** Return a group of files of which `maxWorkers` run at a time. Groups run one after the other. */
const group = (name: string, groupOrder: number, include: string[], maxWorkers: number, isolate = true) => ({
  extends: true as const,
  test: {
    name,
    sequence: { groupOrder },
    include,
    maxWorkers,
    isolate,
    execArgv: name === 'guests' ? [] : ONE_GC_THREAD,
  },
});

export default defineConfig({
  test: {
    setupFiles: ['test/support/report-failures.ts'],
    testTimeout: 120_000,
    retry,
    projects: [
      group('engine', 0, engine, cores, false),
      group('others', 1, others, cores),
      group('guests', 2, withGuests, Math.max(1, cores - 1)),
    ],
  },
});
