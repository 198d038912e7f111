import { test } from 'vitest';

/**
 * Whether the tests that follow cannot run, for a reason: it is printed, and is the name of a skipped test.
 */
export function isSkipped(label: string, reason: string | undefined): boolean {
  if (reason === undefined) return false;
  console.log(`skipped: ${label}: ${reason}`);
  test.skip(`skipped: ${reason}`, () => {});
  return true;
}
