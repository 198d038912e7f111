// Every conversion into and out of a packed file, stopped in the middle by Ctrl-C or by a disk that takes no
// more: nothing is left, neither beside the output nor in TMPDIR.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { DEVICES } from '../../testing/qemu/craft.js';
import { craftedStream } from '../../testing/qemu/crafted-guest.js';
import { writePagemap } from '../image/criu-support.js';
import { makeCore, makeNote } from '../image/elf-support.js';
import { saved } from '../image/libvirt-support.js';
import { CLI, ended, folders, random, start, until } from './cli.js';
import { done } from './in-process.js';

const PAGE = 4096;
const newFolder = folders();
const input = newFolder();
const file = (name: string) => join(input, name);

/** Noise and repeated bytes, so that compression takes time and every format has something to write. */
const memory = Buffer.concat(
  Array.from({ length: 800 }, (_, i) =>
    i % 3 === 0 ? random(PAGE, i) : Buffer.alloc(PAGE, random(100 + (i % 400), i)),
  ),
);
fs.writeFileSync(
  file('core'),
  makeCore([
    { type: 4, bytes: makeNote('CORE', 1, random(60_000, 5)) },
    { paddr: 0x1000n, bytes: memory.subarray(0, 300 * PAGE) },
    { paddr: 0x1_0000_0000n, bytes: memory.subarray(300 * PAGE) },
  ]),
);
fs.writeFileSync(file('mig'), craftedStream([memory], Buffer.concat([DEVICES, random(60_000, 6)])));
fs.writeFileSync(
  file('save'),
  saved(gzipSync(fs.readFileSync(file('mig')), { level: 1 }), { compression: 1 }),
);
fs.writeFileSync(file('sparse'), memory.subarray(0, 100 * PAGE));
fs.truncateSync(file('sparse'), 200 << 20);
const fd = fs.openSync(file('sparse'), 'r+');
fs.writeSync(fd, memory, 0, memory.length, 200 << 20);
fs.closeSync(fd);
writePagemap(file('criu'), '7', 1, [{ address: 0x40_0000n, pages: memory }]);
fs.writeFileSync(file('criu/core-7.img'), random(60_000, 7));

const pack = async (name: string) =>
  await done(['pack', file(name), '-o', file(`${name}.pfy`), '--strategy', 'fixed:lz4', '--threads', '1']);
await pack('core');
for (const form of ['kdump', 'lime']) {
  await done(['unpack', file('core.pfy'), '--as', form, '-o', file(form)]);
  await pack(form);
}
const FILES = ['core', 'kdump', 'lime', 'mig', 'save', 'sparse', 'criu'];
for (const name of ['mig', 'save', 'sparse', 'criu']) await pack(name);

const packs = FILES.map((name) => ['pack', file(name)]);
const unpacks = FILES.map((name) => ['unpack', file(`${name}.pfy`)]);
const forms = ['raw', 'elf', 'kdump', 'kdump-zstd', 'lime'].map((form) => [
  'unpack',
  file('core.pfy'),
  '--as',
  form,
]);
const named = (rows: string[][]) =>
  rows.map((args): [string, string[]] => [args.join(' ').replaceAll(`${input}/`, ''), args]);

/** An empty output folder and temporary folder, and a check that they are empty again. */
function places() {
  const [out, temporary] = [newFolder(), newFolder()];
  const left = () => [...fs.readdirSync(out), ...fs.readdirSync(temporary)];
  return { out, left, env: { ...process.env, TMPDIR: temporary } };
}

test.concurrent.each(named(packs))('Ctrl-C: %s', async (_, args) => {
  const { out, left, env } = places();
  const slow = ['--strategy', 'fixed:zstd-wasm:15', '--threads', '1', '-o', join(out, 'out')];
  const child = start([...args, ...slow], { env });
  const run = ended(child);
  await until(() => fs.readdirSync(out).length > 0);
  child.kill('SIGINT');
  expect(await run).toMatchObject({ signal: 'SIGINT', stderr: 'pageferry: stopped by SIGINT\n' });
  expect(left()).toEqual([]);
});

test.concurrent.each(['SIGINT', 'SIGTERM'] as const)(
  '%s to pageferry alone while a save is decompressed',
  async (signal) => {
    const { out, left, env } = places();
    const programs = newFolder();
    const pidFile = join(programs, 'pid');
    const script = `#!/bin/sh\necho $$ > "${pidFile}.new"; mv "${pidFile}.new" "${pidFile}"; exec sleep 1000`;
    fs.writeFileSync(join(programs, 'gzip'), script, { mode: 0o755 });
    const path = `${programs}:${process.env.PATH}`;
    const child = start(['pack', file('save'), '-o', join(out, 'out')], { env: { ...env, PATH: path } });
    const run = ended(child);
    await until(() => fs.existsSync(pidFile));
    child.kill(signal);
    expect(await run).toMatchObject({ signal, stderr: `pageferry: stopped by ${signal}\n` });
    expect(() => process.kill(Number(fs.readFileSync(pidFile)), 0)).toThrow('ESRCH');
    expect(left()).toEqual([]);
  },
);

test.concurrent.each(named([...unpacks, ...forms]))('Ctrl-C: %s', async (_, args) => {
  const { out, left, env } = places();
  const packed = fs.readFileSync(args[1]!);
  const child = start([args[0]!, '-', ...args.slice(2), '-o', join(out, 'out')], { env });
  const run = ended(child);
  child.stdin!.on('error', () => {});
  child.stdin!.write(packed.subarray(0, packed.length - 200));
  await until(() => fs.readdirSync(out, { recursive: true }).length > 0);
  child.kill('SIGINT');
  expect(await run).toMatchObject({ signal: 'SIGINT', stderr: 'pageferry: stopped by SIGINT\n' });
  expect(left()).toEqual([]);
});

const images = [...unpacks, ...forms].map((args) => [...args, '--image', '0']);
test.concurrent.each(named([...packs, ...unpacks, ...forms, ...images]))('no space: %s', async (_, args) => {
  const { out, left, env } = places();
  // 64 blocks of 512 or 1024 bytes: less than any of these outputs.
  const command = `ulimit -f 64; exec "$@" -o "${join(out, 'out')}"`;
  const child = spawn('sh', ['-c', command, 'sh', process.execPath, CLI, ...args], { env });
  const { code, stderr } = await ended(child);
  expect(stderr).toMatch(
    /^pageferry: [^\n]*(cannot write \d+ bytes[^\n]*EFBIG|its stream has more than)[^\n]*\n$/,
  );
  expect([code, left()]).toEqual([1, []]);
});
