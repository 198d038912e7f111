import { expect, test } from 'vitest';
import { endInTurn, Turns } from '../../src/engine/threads/turns.js';
import { seeded, testKernels } from '../support/kernels.js';

test('jobs that are done in any order end in the order of their turns, each once', async () => {
  const kernels = await testKernels();
  const turns = new Turns(kernels);
  const control = new Int32Array(kernels.memory.buffer);
  const random = seeded(1);
  const done: { job: number; turn: number }[] = [];
  const ended: number[] = [];
  let returned = 0;
  // More than there are turns, so that their numbers repeat; some 20 are in flight at a time.
  for (let job = 1; job <= 3000 || done.length > 0; job++) {
    if (job <= 3000) done.push({ job: 64 * job, turn: turns.take() });
    while (done.length > 20 || (job > 3000 && done.length > 0)) {
      const [next] = done.splice(random() % done.length, 1);
      const inTurn = (one: number) => ended.push(one);
      returned += endInTurn(control, turns.address, next!.job, next!.turn, inTurn, () => {});
    }
  }
  expect(ended).toEqual(Array.from({ length: 3000 }, (_, i) => 64 * (i + 1)));
  expect(returned).toBe(3000);
});

test('a job that is done while another one ends is ended by the same thread', async () => {
  const kernels = await testKernels();
  const turns = new Turns(kernels);
  const control = new Int32Array(kernels.memory.buffer);
  const [first, second] = [turns.take(), turns.take()];
  const ended: number[] = [];
  const fail = () => expect.fail();
  const inTurn = (job: number) => {
    ended.push(job);
    // As another thread would.
    if (job === 64) expect(endInTurn(control, turns.address, 128, second, fail, fail)).toBe(0);
  };
  expect(endInTurn(control, turns.address, 64, first, inTurn, (job) => ended.push(-job))).toBe(2);
  expect(ended).toEqual([64, 128, -64, -128]);
});
