// Migration files of QEMU 10: mapped-ram, and streams behind an offset.
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Machine, startMachine } from '../../testing/qemu/machine.js';
import { newerQemu, newerQemuSkipReason } from '../../testing/qemu/versions.js';
import { done } from '../cli/in-process.js';
import { isSkipped } from '../support/skipped.js';
import { testFolder } from './support.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const reason = newerQemuSkipReason();

const LOW_MEMORY_BYTES = 640 << 10;

describe('files of QEMU 10', () => {
  if (isSkipped('files of QEMU 10', reason)) return;
  let machine: Machine;
  beforeAll(async () => {
    machine = await startMachine({ folder, name: 'guest', memoryMib: 1, machine: 'q35', qemu: newerQemu()! });
    while (machine.serial().length < 100) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  afterAll(() => machine.quit());

  /** Save the guest; it is stopped afterwards. */
  async function save(offset: number, capabilities: string[]): Promise<string> {
    const path = file('guest.mig');
    fs.rmSync(path, { force: true });
    await machine.qmp.execute('cont');
    await machine.migrate(`file:${path}${offset ? `,offset=${offset}` : ''}`, { capabilities });
    await machine.migrated();
    const off = capabilities.map((capability) => ({ capability, state: false }));
    await machine.qmp.execute('migrate-set-capabilities', { capabilities: off });
    return path;
  }

  test.each([
    ['mapped-ram', 0, ['mapped-ram']],
    ['mapped-ram and multifd', 0, ['mapped-ram', 'multifd']],
    ['mapped-ram and an offset', 12_288, ['mapped-ram', 'multifd']],
    ['a stream behind an offset', 12_288, []],
    ['a stream', 0, []],
  ] as const)(
    '%s: comes back byte for byte, with the memory of the guest',
    async (_, offset, capabilities) => {
      const path = await save(offset, [...capabilities]);
      const memory = await machine.memory(LOW_MEMORY_BYTES);
      await done(['pack', path, '-o', file('packed')]);
      await done(['unpack', file('packed'), '-o', file('back')]);
      expect(fs.readFileSync(file('back')).equals(fs.readFileSync(path))).toBe(true);
      const { stdout } = await done(['inspect', path]);
      expect(`${stdout}`).toMatch(capabilities.length > 0 ? /qemu-mapped-ram/ : /qemu-migration/);
      expect(`${stdout}`).toContain('0x0-0x101fff');
      await done(['pack', path, '-o', file('packed'), '--memory-only']);
      await done(['unpack', file('packed'), '-o', file('raw'), '--as', 'raw']);
      expect(fs.readFileSync(file('raw')).subarray(0, LOW_MEMORY_BYTES).equals(memory)).toBe(true);
    },
  );
});
