import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureProcess } from '../../src/image/process/capture.js';
import { isMemory, type ProcessRegion } from '../../src/image/process/proc.js';
import { openProcess } from '../../src/image/process/process.js';
import { children, PATTERN_PROGRAM, start, stopped } from './process-support.js';
import { asOtherUser, hasProgram, isRoot, readAll, testFolder } from './support.js';

const linux = process.platform === 'linux';
const folder = testFolder();

describe.skipIf(!linux)('a process (skipped: only Linux has /proc/PID/mem)', () => {
  test('that is stopped reads the same in steps of any size', async () => {
    const pid = await start('sh', ['-c', 'echo ready; read line']);
    await stopped(pid);
    const [once, again] = [openProcess(pid), openProcess(pid)];
    const first = await readAll(once);
    expect(first.length).toBe(once.bytes);
    expect(first.equals(await readAll(again, 12_345))).toBe(true);
    expect(once.readAt).toBeUndefined();
    once.close();
    again.close();
  });

  test.skipIf(!hasProgram('python3'))(
    'is zero where it cannot be read (skipped without python3)',
    async () => {
      const program = `
import mmap, os, sys
with open(sys.argv[1], 'w+b') as file:
    os.ftruncate(file.fileno(), 65536)
    memory = mmap.mmap(file.fileno(), 65536)
    memory[0:5] = b'found'
    os.ftruncate(file.fileno(), 4096)
print('ready', flush=True)
sys.stdin.read()
`;
      const mapped = join(fs.realpathSync(folder), 'mapped');
      const pid = await start('python3', ['-c', program, mapped]);
      const source = openProcess(pid, { include: (region) => region.path === mapped });
      const image = await readAll(source, 10_000);
      expect(image.length).toBe(65536);
      expect(image.subarray(0, 5).toString()).toBe('found');
      expect(image.subarray(4096).every((byte) => byte === 0)).toBe(true);
      expect(source.skippedBytes).toBe(65536 - 4096);
      source.close();
    },
  );

  test('is not read where it was never touched: such ranges are skipped', async () => {
    const pid = await start(process.execPath, ['-e', PATTERN_PROGRAM]);
    await stopped(pid);
    const isLarge = ({ path, bytes, permissions }: ProcessRegion) =>
      path === '' && permissions === 'rw-p' && bytes >= 64 << 20;
    const source = openProcess(pid, { include: isLarge });
    const other = openProcess(pid, { include: isLarge });
    const image = await readAll(other);
    let skipped = 0;
    const parts: Buffer[] = [];
    for (let position = 0; position < source.bytes; ) {
      const zeros = source.skipZeros(1 << 30);
      expect(zeros % 65536 === 0 || position + zeros === source.bytes).toBe(true);
      skipped += zeros;
      parts.push(Buffer.alloc(zeros));
      const part = Buffer.alloc(65536);
      const read = await source.read(part);
      parts.push(part.subarray(0, read));
      position += zeros + read;
    }
    expect(Buffer.concat(parts).equals(image)).toBe(true);
    expect(skipped).toBeGreaterThan(60 << 20);
    source.close();
    other.close();
    expect(() => source.skipZeros(65536)).toThrow(`pid ${pid}: used after close`);
    await expect(source.read(Buffer.alloc(1))).rejects.toThrow(`pid ${pid}: used after close`);
  });

  test('is not read any more after an abort, and the reason is reported', async () => {
    const pid = await start('sh', ['-c', 'echo ready; read line']);
    const reason = new Error('the user has pressed Ctrl-C');
    const controller = new AbortController();
    const source = openProcess(pid, { signal: controller.signal });
    controller.abort(reason);
    await expect(readAll(source)).rejects.toBe(reason);
    source.close();
  });

  test('that ends while it is read is an error', async () => {
    const pid = await start('sh', ['-c', 'echo ready; read line']);
    const source = openProcess(pid);
    const ended = once(children[0]!, 'exit');
    process.kill(pid, 'SIGKILL');
    await ended;
    await expect(readAll(source)).rejects.toThrow(`pid ${pid}: ended while it was read`);
    source.close();
    expect(() => openProcess(pid)).toThrow(`pid ${pid}: no such process`);
    const path = join(folder, 'ended.core');
    await expect(captureProcess(pid, path, { stop: true })).rejects.toThrow(`pid ${pid}: no such process`);
    expect(fs.existsSync(path)).toBe(false);
  });

  test('needs a process id, memory and permission', async () => {
    for (const pid of [0, -1, 1.5, Number.NaN])
      expect(() => openProcess(pid)).toThrow(`expected a process id, got ${pid}`);
    const pid = await start('sh', ['-c', 'echo ready; read line']);
    expect(() => openProcess(pid, { include: () => false })).toThrow(`pid ${pid}: has no memory to read`);
  });

  test.skipIf(!isRoot)(
    'of another user is refused with the reason (skipped except for root, which can change users)',
    async () => {
      const pid = await start('sh', ['-c', 'echo ready; read line']);
      expect(() => asOtherUser(() => openProcess(pid))).toThrow(
        /pid \d+: its memory may not be read: E(ACCES|PERM): it belongs to another user/,
      );
    },
  );
});

test('regions of memory are selected by path and permissions', () => {
  const region = { address: 0n, bytes: 4096, permissions: 'rw-p', fileOffset: 0n, inode: 0, path: '' };
  const counts = (path: string, permissions = 'rw-p') => isMemory({ ...region, path, permissions });
  for (const path of [
    '',
    '[heap]',
    '[stack]',
    '[vdso]',
    '/usr/bin/node',
    '/memfd:ram (deleted)',
    '/dev/shm/x',
    '/dev/zero (deleted)',
  ])
    expect(counts(path), path).toBe(true);
  for (const path of [
    '[vvar]',
    '[vvar_vclock]',
    '[vsyscall]',
    '/dev/dri/card0',
    '/dev/mem',
    'anon_inode:kvm-vcpu:0',
  ])
    expect(counts(path), path).toBe(false);
  expect(counts('', '---p')).toBe(false);
  expect(counts('', 'r--s')).toBe(true);
});

test.skipIf(linux)('a process of another system is refused (skipped on Linux)', () => {
  expect(() => openProcess(1)).toThrow('can only be read on Linux');
});
