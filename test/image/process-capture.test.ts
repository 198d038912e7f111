import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { captureProcess } from '../../src/image/process/capture.js';
import { isMemory } from '../../src/image/process/proc.js';
import { PATTERN_PROGRAM, pattern, start, state, stopped } from './process-support.js';
import { fileNames, hasProgram, readAll, run, testFolder } from './support.js';

const linux = process.platform === 'linux';
const folder = testFolder();

describe.skipIf(!linux)('the capture of a process (skipped: only Linux has /proc/PID/mem)', () => {
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
  });
});
