import { defineConfig } from 'vitest/config';

// Some tests have real QEMUs, signals and time limits, which a busy machine can upset: in CI a failed test
// runs again, and `.ci/run` names the tests that passed only then.
const retry = process.env.CI ? 1 : 0;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/report-failures.ts'],
    testTimeout: 120_000,
    retry,
  },
});
