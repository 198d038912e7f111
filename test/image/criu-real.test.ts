// A process that CRIU checkpoints in a guest is packed, unpacked, and restored.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkpoint, criuSkipReason, restore } from '../../testing/qemu/criu-guest.js';
import { done } from '../cli/in-process.js';
import { filesOf } from './criu-support.js';
import { testFolder } from './support.js';

const folder = testFolder();
const reason = criuSkipReason();
if (reason !== undefined) console.log(`skipped: a process checkpointed by CRIU: ${reason}`);

test.skipIf(reason)(
  'a checkpoint comes back byte for byte, and CRIU restores the process from it',
  async () => {
    await checkpoint(folder);
    const images = ['1', '2'].map((name) => join(folder, name));
    await done(['pack', ...images, '-o', join(folder, 'chain.pfy')]);
    const out = join(folder, 'out');
    await done(['unpack', join(folder, 'chain.pfy'), '-o', out]);
    for (const name of ['1', '2']) expect(filesOf(join(out, name))).toEqual(filesOf(join(folder, name)));
    expect(await restore(folder, out)).toBe(42);
  },
  300_000,
);
