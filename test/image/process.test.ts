import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { captureProcess } from '../../src/image/process/capture.js';
import { isMemory, type ProcessRegion } from '../../src/image/process/proc.js';
import { openProcess } from '../../src/image/process/process.js';
import { asNobody, fileNames, hasProgram, isRoot, readAll, run, testFolder } from './support.js';

const linux = process.platform === 'linux';
const folder = testFolder();
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function start(program: string, args: string[], ready = true): Promise<number> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  if (ready) await once(child.stdout!, 'data');
  return child.pid!;
}

/** A Node program with a computed pattern in its memory, and a large buffer that it never touches. */
const PATTERN_BYTES = 3 * 65536 + 100;
const PATTERN_PROGRAM = `
  const pattern = Buffer.alloc(${PATTERN_BYTES});
  let state = 12345;
  for (let i = 0; i < pattern.length; i++) pattern[i] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  globalThis.kept = [pattern, Buffer.allocUnsafeSlow(64 << 20)];
  process.stdin.resume();
  console.log('ready');
  const beat = () => { globalThis.beats = (globalThis.beats ?? 0) + 1; setTimeout(beat, 1); };
  beat();
`;

function pattern(): Buffer {
  const bytes = Buffer.alloc(PATTERN_BYTES);
  let state = 12345;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

function state(pid: number): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}

/** Stop a process and wait until all of its threads have stopped. */
async function stopped(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const states = () => fs.readdirSync(`/proc/${pid}/task`).map((thread) => state(Number(thread)));
  while (states().some((letter) => letter !== 'T')) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe.skipIf(!linux)('a process (skipped: only Linux has /proc/PID/mem)', () => {
  test('is captured as an ELF core with the memory of the process', async () => {
    const pid = await start(process.execPath, ['-e', PATTERN_PROGRAM]);
    const path = join(folder, 'node.core');
    const progress: number[] = [];
    const include = (region: Parameters<typeof isMemory>[0]) =>
      isMemory(region) && region.permissions.startsWith('rw');
    const capture = await captureProcess(pid, path, { include, onProgress: (done) => progress.push(done) });
    expect(progress.at(-1)).toBe(capture.bytes);
    const core = openElfCore(path);
    expect(core.bytes).toBe(capture.bytes);
    expect(core.addressing).toBe('virtual');
    expect(core.segments).toEqual(
      capture.regions.map((region, i) => ({
        address: region.address,
        bytes: region.bytes,
        offset: core.segments[i]!.offset,
      })),
    );
    const image = await readAll(core);
    expect(image.includes(pattern())).toBe(true);
    core.close();
    const stat = fs.statSync(path);
    expect(stat.mode & 0o777).toBe(0o600);
    expect(stat.blocks * 512).toBeLessThan(capture.storedBytes + (2 << 20));
    expect(capture.storedBytes).toBeLessThan(capture.bytes - (60 << 20)); // the untouched buffer is a hole
    expect(fileNames(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  test('is stopped during a capture and continues afterwards, also after a failure', async () => {
    const pid = await start(process.execPath, ['-e', PATTERN_PROGRAM]);
    const states = new Set<string>();
    const path = join(folder, 'stopped.core');
    await captureProcess(pid, path, { stop: true, onProgress: () => states.add(state(pid)) });
    expect([...states]).toEqual(['T']);
    expect(state(pid)).not.toBe('T');
    const failing = captureProcess(pid, path, {
      stop: true,
      onProgress: () => {
        throw new Error('no more');
      },
    });
    await expect(failing).rejects.toThrow('no more');
    expect(state(pid)).not.toBe('T');
    expect(fileNames(folder).filter((name) => name.includes('partial'))).toEqual([]);
    await stopped(pid);
    await captureProcess(pid, path, { stop: true });
    expect(state(pid)).toBe('T'); // as before
    await expect(captureProcess(process.pid, path, { stop: true })).rejects.toThrow('cannot stop itself');
  });

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

  test.skipIf(!hasProgram('readelf'))(
    'is a valid ELF core for readelf (skipped without readelf)',
    async () => {
      const pid = await start('sh', ['-c', 'echo ready; read line']);
      const path = join(folder, 'sh.core');
      const capture = await captureProcess(pid, path, { stop: true });
      const lines = run('readelf', ['-hlW', path]);
      expect(lines).toContain('CORE (Core file)');
      expect(lines.match(/^ +LOAD /gm)!.length).toBe(capture.regions.length);
      expect(lines).not.toMatch(/[Ww]arning|[Ee]rror/);
    },
  );

  test.skipIf(!hasProgram('gcore'))(
    "has the same memory in a core of gdb's gcore (skipped without gdb)",
    async () => {
      const pid = await start('sh', ['-c', 'echo ready; read line', 'sh', 'an argument to be found']);
      await stopped(pid);
      const ours = join(folder, 'ours.core');
      const capture = await captureProcess(pid, ours);
      const made = spawnSync('gcore', ['-a', '-o', join(folder, 'gcore'), String(pid)], { encoding: 'utf8' });
      const path = join(folder, `gcore.${pid}`);
      if (!fs.existsSync(path))
        return console.warn(`not compared: gcore wrote no core here: ${made.stderr.trim()}`);
      const [theirCore, ourCore] = [openElfCore(path), openElfCore(ours)];
      const [theirImage, ourImage] = [await readAll(theirCore), await readAll(ourCore)];
      expect(theirImage.includes('an argument to be found')).toBe(true);
      expect(theirCore.addressing).toBe('virtual');
      const { regions } = capture;
      for (const [index, segment] of ourCore.segments.entries()) {
        const their = theirCore.segments.find(
          ({ address, bytes }) => address === segment.address && bytes === segment.bytes,
        );
        // gcore omits regions whose content is in the program's file.
        if (!their && !regions[index]!.permissions.startsWith('rw')) continue;
        const theirBytes = theirImage.subarray(their!.offset, their!.offset + their!.bytes);
        const ourBytes = ourImage.subarray(segment.offset, segment.offset + segment.bytes);
        expect(theirBytes.equals(ourBytes), `at ${segment.address}`).toBe(true);
      }
    },
  );

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

  test.skipIf(!hasProgram('python3'))(
    'with 1 TiB of reserved addresses is captured in few steps (skipped without python3)',
    async () => {
      const program = `
import mmap, sys
reserved = mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
reserved[0:5] = b'first'
reserved[(1 << 40) - 4:] = b'last'
print('ready', flush=True)
sys.stdin.read()
`;
      const pid = await start('python3', ['-c', program]);
      const path = join(folder, 'reserved.core');
      let calls = 0;
      const capture = await captureProcess(pid, path, {
        include: (region) => region.bytes >= 2 ** 39,
        onProgress: () => calls++,
      });
      expect(capture.bytes).toBeGreaterThanOrEqual(2 ** 40);
      expect(capture.storedBytes).toBeLessThan(1 << 20);
      expect(calls).toBeLessThan(3000); // one per GiB, not one per MiB
      const core = openElfCore(path);
      const [first, last] = [Buffer.alloc(5), Buffer.alloc(4)];
      const at = core.bytes - 2 ** 40;
      core.readAt(first, at);
      core.readAt(last, core.bytes - 4);
      expect([first.toString(), last.toString()]).toEqual(['first', 'last']);
      core.close();
    },
  );

  test('is not read any more after an abort, and the reason is reported', async () => {
    const pid = await start(process.execPath, ['-e', PATTERN_PROGRAM]);
    const reason = new Error('the user has pressed Ctrl-C');
    for (const stop of [false, true]) {
      const controller = new AbortController();
      const path = join(folder, 'aborted.core');
      let calls = 0;
      const capture = captureProcess(pid, path, {
        stop,
        signal: controller.signal,
        onProgress: () => {
          calls++;
          controller.abort(reason);
        },
      });
      await expect(capture).rejects.toBe(reason);
      expect(calls).toBe(1);
      expect(fileNames(folder).filter((name) => name.includes('aborted'))).toEqual([]);
      expect(state(pid)).not.toBe('T');
      await expect(captureProcess(pid, path, { signal: controller.signal })).rejects.toBe(reason);
    }
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
      expect(() => asNobody(() => openProcess(pid))).toThrow(
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
