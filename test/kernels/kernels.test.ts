import { expect, test } from 'vitest';
import { testKernels } from '../support/kernels.js';

test('test kernels give aligned slots until the memory is full, and name the slot that does not fit', async () => {
  const kernels = await testKernels(1 << 20);
  const first = kernels.reserve(100, 'first');
  const second = kernels.reserve(100, 'second');
  expect(first % 64).toBe(0);
  expect(second).toBeGreaterThanOrEqual(first + 100 + kernels.run.SLOT_SLACK.value);
  expect(() => kernels.reserve(1 << 20, 'a large slot')).toThrow(/a large slot: needs 1048576 bytes/);
});
