// Prints each try of a test that fails: vitest itself does not name tests that pass at their second try.
import { afterEach } from 'vitest';

afterEach(({ task }) => {
  const error = task.result?.errors?.[0];
  if (error) console.log(`failed try: ${task.file.name} > ${task.name}: ${error.message?.split('\n')[0]}`);
});
