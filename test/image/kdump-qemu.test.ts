// Dumps of QEMU: its kdump-compressed dump and its ELF core of the same guest have the same memory.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { openKdump } from '../../src/image/kdump/kdump.js';
import { qemuSkipReason } from '../../testing/qemu/linux.js';
import { INSTALLED_QEMU } from '../../testing/qemu/versions.js';
import { done } from '../cli/in-process.js';
import { hasProgram, randomBytes, readAll, testFolder } from './support.js';

const folder = testFolder();
const reason = qemuSkipReason();
if (reason !== undefined) console.log(`skipped: QEMU's kdump-compressed dumps: ${reason}`);

/** Dump a stopped guest of 16 MiB, with some memory loaded from a file, in both formats. */
function dumpGuest(): { readonly core: string; readonly kdump: string } {
  const [core, kdump, memory] = ['guest.core', 'guest.kdump', 'memory'].map((name) => join(folder, name));
  const words = Buffer.alloc(300_000, 'compressible memory of a guest, ');
  fs.writeFileSync(memory!, Buffer.concat([words, randomBytes(50_000, 1), Buffer.alloc(20_000, 7)]));
  const dump = (path: string, format: string) => ({
    execute: 'dump-guest-memory',
    arguments: { paging: false, protocol: `file:${path}`, ...(format && { format }) },
  });
  const commands = [
    { execute: 'qmp_capabilities' },
    dump(core!, ''),
    dump(kdump!, 'kdump-zlib'),
    { execute: 'quit' },
  ];
  const loader = `loader,file=${memory},addr=0x100000,force-raw=on`;
  const { status, stdout } = spawnSync(
    INSTALLED_QEMU.program,
    [
      '-S',
      '-m',
      '16',
      '-accel',
      'tcg',
      '-display',
      'none',
      '-nodefaults',
      '-device',
      loader,
      '-qmp',
      'stdio',
    ],
    { input: commands.map((command) => JSON.stringify(command)).join('\n'), timeout: 60_000 },
  );
  expect(`${stdout}`).not.toContain('"error"');
  expect(status).toBe(0);
  return { core: core!, kdump: kdump! };
}

test.skipIf(reason !== undefined)(
  'a kdump-compressed dump has the memory of the ELF core of the same guest',
  async () => {
    const { core, kdump } = dumpGuest();
    const [elf, dump] = [openElfCore(core), openKdump(kdump)];
    // The core has a segment for each region of memory, also where they follow each other.
    expect(elf.segments).toEqual(
      expect.arrayContaining(
        dump.segments.map(({ address, offset }) => expect.objectContaining({ address, offset })),
      ),
    );
    const memory = await readAll(elf);
    expect((await readAll(dump)).equals(memory)).toBe(true);
    expect(memory.includes(randomBytes(50_000, 1))).toBe(true);
    elf.close();
    dump.close();
    const { stdout } = await done(['inspect', kdump]);
    expect(`${stdout}`).toMatch(
      /version 6, flattened\s+architecture +x86_64\s+compression +zlib[\s\S]*0x0-0x/,
    );
    if (!hasProgram('makedumpfile')) {
      console.log('skipped: the same dump from makedumpfile -R: makedumpfile is not installed');
      return;
    }
    const arranged = join(folder, 'arranged.kdump');
    expect(spawnSync('makedumpfile', ['-R', arranged], { input: fs.readFileSync(kdump) }).status).toBe(0);
    const plain = openKdump(arranged);
    expect([dump.isFlattened, plain.isFlattened]).toEqual([true, false]);
    expect((await readAll(plain)).equals(memory)).toBe(true);
    plain.close();
  },
  60_000,
);
