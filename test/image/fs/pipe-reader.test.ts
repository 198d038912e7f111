import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPipeReader, type PipeReader } from '../../../src/image/fs/pipe-reader.js';
import { folderMaker, hasProgram, randomBytes, run, testFolder } from '../support.js';

const newFolder = folderMaker(testFolder());
const isSupported = process.platform === 'linux' && hasProgram('mkfifo');

/** A pipe: `write` holds it open, so it has no end before that is closed. */
function openPipe(): { readonly reader: PipeReader; readonly write: number; close(): void } {
  const path = join(newFolder(), 'pipe');
  run('mkfifo', [path]);
  const read = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const write = fs.openSync(path, 'w');
  const reader = openPipeReader(read, 'the pipe')!;
  return {
    reader,
    write,
    close() {
      reader.close();
      fs.closeSync(read);
    },
  };
}

async function readToEnd(reader: PipeReader, step: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let read = step; read === step; ) {
    const into = Buffer.alloc(step, 0xee);
    read = await reader.read(into);
    parts.push(into.subarray(0, read));
  }
  return Buffer.concat(parts);
}

/** Context switches of all threads: a thread that polls has one for each time it looks. */
function contextSwitches(): number {
  return fs
    .readdirSync('/proc/self/task')
    .map((thread) => fs.readFileSync(`/proc/self/task/${thread}/status`, 'utf8'))
    .reduce((sum, text) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)![1]), 0);
}

describe.skipIf(!isSupported)('a pipe read ahead (skipped except on Linux with mkfifo)', () => {
  test('arrives complete and in order, also if it is larger than what is read ahead', async () => {
    const { reader, write, close } = openPipe();
    const bytes = randomBytes((20 << 20) + 12_345, 1);
    const source = join(newFolder(), 'source');
    fs.writeFileSync(source, bytes);
    const writer = spawn('cat', [source], { stdio: ['ignore', write, 'inherit'] });
    fs.closeSync(write);
    const ended = new Promise((resolve) => writer.on('exit', resolve));
    expect((await readToEnd(reader, 1_000_003)).equals(bytes)).toBe(true);
    expect(await reader.read(Buffer.alloc(10))).toBe(0);
    await ended;
    close();
  });

  test('its writer is not blocked by a reader that does not read', async () => {
    const { reader, write, close } = openPipe();
    const bytes = randomBytes(4 << 20, 2); // 64 times what a pipe holds
    const source = join(newFolder(), 'source');
    fs.writeFileSync(source, bytes);
    const writer = spawn('cat', [source], { stdio: ['ignore', write, 'inherit'] });
    fs.closeSync(write);
    expect(await new Promise((resolve) => writer.on('exit', resolve))).toBe(0);
    expect((await readToEnd(reader, 1 << 20)).equals(bytes)).toBe(true);
    close();
  });

  test('an idle pipe is not polled', async () => {
    const { reader, write, close } = openPipe();
    fs.writeSync(write, 'first');
    await reader.read(Buffer.alloc(5)); // the thread has started
    const reading = reader.read(Buffer.alloc(5));
    const before = contextSwitches();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const switches = contextSwitches() - before;
    fs.writeSync(write, 'later');
    expect(await reading).toBe(5);
    expect(switches).toBeLessThan(500); // at 3 kHz some 3000
    fs.closeSync(write);
    close();
  });

  test('close ends a read in flight, also when the ring is full', async () => {
    const idle = openPipe();
    const reading = idle.reader.read(Buffer.alloc(10));
    idle.close();
    await expect(reading).rejects.toThrow('the pipe: used after close');
    await expect(idle.reader.read(Buffer.alloc(10))).rejects.toThrow('the pipe: used after close');
    fs.closeSync(idle.write);

    const full = openPipe();
    const writer = spawn('cat', ['/dev/zero'], { stdio: ['ignore', full.write, 'ignore'] });
    fs.closeSync(full.write);
    await full.reader.read(Buffer.alloc(9 << 20));
    const ended = new Promise((resolve) => writer.on('exit', (_, signal) => resolve(signal)));
    full.close();
    // No one reads the pipe any more: the thread has closed its end.
    expect(await ended).toBe('SIGPIPE');
  });
});

test('what is not a pipe is not read ahead', () => {
  const fd = fs.openSync('/dev/null', 'r');
  expect(openPipeReader(fd, 'null')).toBeUndefined();
  fs.closeSync(fd);
});
