import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CLI, done, folders, guest, hasProgram, random } from './cli.js';

// Between processes that a shell starts there are pipes (Node's own are sockets), which are read ahead on a
// thread.
const newFolder = folders();
const PROGRAM = `'${process.execPath}' '${CLI}'`;
const isWindows = process.platform === 'win32';

function shell(command: string) {
  const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 60_000 });
  return { status, stderr };
}

async function packed() {
  const folder = newFolder();
  const [raw, file, out] = ['guest.raw', 'guest.pfy', 'again.raw'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  fs.writeFileSync(raw, Buffer.concat([guest(1), random(6 << 20, 2), Buffer.alloc(5000, 7)]));
  await done(['pack', raw, '-o', file]);
  return { raw, file, out };
}

test.skipIf(isWindows)(
  'an image goes through pipes: raw into pack, packed into unpack, in pieces of any size',
  async () => {
    const { raw, out } = await packed();
    const { status, stderr } = shell(
      `dd if='${raw}' bs=7001 2>/dev/null | ${PROGRAM} pack - -o - 2>/dev/null | dd bs=999 2>/dev/null | ${PROGRAM} unpack - -o '${out}'`,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(Buffer.compare(fs.readFileSync(out), fs.readFileSync(raw))).toBe(0);
  },
);

const hasFlags = process.platform === 'linux' && hasProgram('mkfifo');

test.skipIf(!hasFlags)('a pipe on standard output blocks its writer (skipped without mkfifo, /proc)', () => {
  const folder = newFolder();
  const [raw, fifo, flags] = ['guest.raw', 'fifo', 'flags'].map((name) => join(folder, name));
  fs.writeFileSync(raw!, random(24 << 20, 3));
  // Both threads have started when most was read: every one of them could open standard output.
  const { status, stderr } = shell(`mkfifo '${fifo}'; (cat '${raw}' | exec ${PROGRAM} pack - --threads 2 \
    --strategy fixed:lz4 -o - 2>/dev/null) > '${fifo}' & exec < '${fifo}'; head -c 20000000 > /dev/null; sleep 0.3
    for process in /proc/[0-9]*; do
      if [ "$process/fd/1" -ef '${fifo}' ]; then cat "$process/fdinfo/1" >> '${flags}' 2>/dev/null; fi
    done; cat > /dev/null; wait $!`);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const found = [...fs.readFileSync(flags!, 'utf8').matchAll(/^flags:\s+(\d+)$/gm)];
  expect(found.length).toBeGreaterThan(0);
  for (const [, octal] of found) expect(Number.parseInt(octal!, 8) & fs.constants.O_NONBLOCK).toBe(0);
});

test.skipIf(isWindows)('verify and unpack --image of a pipe read all of it', async () => {
  const { raw, file, out } = await packed();
  for (let turn = 0; turn < 3; turn++) {
    const verified = shell(`cat '${file}' | ${PROGRAM} verify -`);
    expect(verified).toEqual({ status: 0, stderr: '' });
    const unpacked = shell(`cat '${file}' | ${PROGRAM} unpack - --image 0 -o '${out}'`);
    expect(unpacked).toEqual({ status: 0, stderr: '' });
    expect(Buffer.compare(fs.readFileSync(out), fs.readFileSync(raw))).toBe(0);
  }
});

test.skipIf(isWindows)('a pipe that ends too early is one clear error', async () => {
  const { file, out } = await packed();
  const { status, stderr } = shell(`head -c 20000 '${file}' | ${PROGRAM} unpack - -o '${out}'`);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^pageferry: standard input: ends at byte 20000: truncated in record \d+\n$/);
  expect(fs.existsSync(out)).toBe(false);
});

test.skipIf(isWindows)('damage ends it at once, though the writer keeps the pipe open', async () => {
  const { file, out } = await packed();
  const bytes = fs.readFileSync(file);
  bytes[1 << 20]! ^= 1;
  fs.writeFileSync(file, bytes);
  const statusFile = `${out}.status`;
  const { stderr } = shell(
    `(cat '${file}'; while [ ! -e '${statusFile}' ]; do sleep 0.1; done) | (${PROGRAM} unpack - -o '${out}'; echo $? > '${statusFile}')`,
  );
  expect(fs.readFileSync(statusFile, 'utf8')).toBe('1\n');
  expect(stderr).toMatch(/^pageferry: standard input: .*does not match\n$/);
  expect(fs.existsSync(out)).toBe(false);
});
