// What libvirt itself writes: save files in each format, and dumps.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { libvirtSkipReason, runLibvirt } from '../../testing/qemu/libvirt.js';
import { done } from '../cli/in-process.js';
import { isSkipped } from '../support/skipped.js';
import { readAll, testFolder } from './support.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const reason = libvirtSkipReason();
/** Memory of a PC below its video memory. */
const LOW_MEMORY_BYTES = 640 << 10;

/** Expect that a file comes back byte for byte, and return its memory. */
async function comesBack(path: string): Promise<Buffer> {
  await done(['pack', path, '-o', file('packed')]);
  await done(['unpack', file('packed'), '-o', file('back')]);
  expect(fs.readFileSync(file('back')).equals(fs.readFileSync(path))).toBe(true);
  await done(['unpack', file('packed'), '-o', file('raw'), '--as', 'raw']);
  return fs.readFileSync(file('raw'));
}

describe('libvirt', () => {
  if (isSkipped('libvirt', reason)) return;

  test('save files and dumps of one guest have the same memory', async () => {
    const [save, elf, kdump] = ['guest.save', 'guest.core', 'guest.kdump'].map(file);
    runLibvirt({
      folder,
      configuration: ['save_image_format = "raw"'],
      commands: [
        'suspend guest',
        `dump guest ${elf} --memory-only`,
        `dump guest ${kdump} --memory-only --format kdump-zlib`,
        `save guest ${save}`,
      ],
    });
    const memory = await comesBack(elf!);
    expect(memory.subarray(0, LOW_MEMORY_BYTES).some((byte) => byte !== 0)).toBe(true);
    expect((await comesBack(kdump!)).equals(memory)).toBe(true);
    const ram = await comesBack(save!);
    expect(ram.subarray(0, LOW_MEMORY_BYTES).equals(memory.subarray(0, LOW_MEMORY_BYTES))).toBe(true);
  });

  test('a compressed save file has the memory of the guest', async () => {
    const [save, elf] = ['gzip.save', 'gzip.core'].map(file);
    runLibvirt({
      folder,
      configuration: ['save_image_format = "gzip"'],
      commands: ['suspend guest', `dump guest ${elf} --memory-only`, `save guest ${save}`],
    });
    const ram = await comesBack(save!);
    const memory = await readAll(openImage(elf!));
    expect(ram.subarray(0, LOW_MEMORY_BYTES).equals(memory.subarray(0, LOW_MEMORY_BYTES))).toBe(true);
    const { stdout } = await done(['inspect', save!]);
    expect(`${stdout}`).toMatch(/libvirt-save[\s\S]*compression +gzip/);
  });
});
