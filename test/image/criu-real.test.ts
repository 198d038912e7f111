// A process that CRIU checkpoints in a guest is packed, unpacked, and restored.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkpoint, criuSkipReason, restore } from '../../testing/qemu/criu-guest.js';
import { done } from '../cli/in-process.js';
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
    expect(spawnSync('diff', ['-r', '--no-dereference', images[0]!, join(out, '1')]).stdout.toString()).toBe(
      '',
    );
    expect(spawnSync('diff', ['-r', '--no-dereference', images[1]!, join(out, '2')]).stdout.toString()).toBe(
      '',
    );
    expect(await restore(folder, out)).toBe(42);
  },
  300_000,
);
