// Other programs that speak NBD (libnbd, QEMU) read what `pageferry serve` serves.
import { type ChildProcess, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { done, ended, start } from '../../cli/cli.js';
import { PAGE, sparseImage } from './support.js';

const folder = fs.mkdtempSync(join(tmpdir(), 'nbd-tools-'));
const file = (name: string) => join(folder, name);
const one = sparseImage(1500, 1, 512);
const two = Buffer.from(one);
two.fill(9, 40 * PAGE, 60 * PAGE);
let server: Server;

interface Server {
  readonly child: ChildProcess;
  readonly uris: readonly string[];
}

beforeAll(async () => {
  fs.writeFileSync(file('one.raw'), one);
  fs.writeFileSync(file('two.raw'), two);
  await done(['pack', file('one.raw'), file('two.raw'), '-o', file('both.pack')]);
  server = await serve(`unix:${file('nbd.sock')}`);
});

afterAll(() => {
  server?.child.kill('SIGKILL');
  fs.rmSync(folder, { recursive: true, force: true });
});

async function serve(nbd: string): Promise<Server> {
  const child = start(['serve', file('both.pack'), '--nbd', nbd, '--json']);
  let text = '';
  child.stderr!.on('data', (bytes) => process.stderr.write(bytes));
  for await (const bytes of child.stdout!) {
    text += bytes;
    if (text.includes('\n')) break;
  }
  const { exports } = JSON.parse(text) as { exports: { name: string; bytes: number; uri: string }[] };
  expect(exports.map(({ name, bytes }) => [name, bytes])).toEqual([
    ['one', one.length],
    ['two', two.length],
  ]);
  return { child, uris: exports.map(({ uri }) => uri) };
}

/** Runs a tool and returns its exit code and output. */
function run(name: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', timeout: 60_000 });
  return { code: status, out: stdout, all: `${stdout}${stderr}` };
}

/** A test that is skipped, with the reason, where a tool is missing. */
function withTool(name: string, title: string, test: () => void | Promise<void>): void {
  const isMissing = spawnSync(name, ['--version']).error !== undefined;
  if (isMissing) console.warn(`NBD: skipped "${title}", ${name} is not installed`);
  it.skipIf(isMissing)(`${name}: ${title}`, test);
}

describe('libnbd', () => {
  withTool('nbdinfo', 'lists both exports, read-only, with block sizes', () => {
    const list = run('nbdinfo', '--list', '--json', server.uris[0]!.replace('one', ''));
    expect(list.code, list.all).toBe(0);
    const { exports } = JSON.parse(list.out);
    expect(exports).toMatchObject([
      { 'export-name': 'one', 'export-size': one.length, is_read_only: true, can_multi_conn: true },
      { 'export-name': 'two', contexts: ['base:allocation'], block_size_maximum: 32 << 20, can_df: true },
    ]);
  });

  withTool('nbdinfo', 'maps the zero pages as holes', () => {
    const map = run('nbdinfo', '--map', '--json', server.uris[1]!);
    expect(map.code, map.all).toBe(0);
    const extents = JSON.parse(map.out) as { offset: number; length: number; type: number }[];
    expect(extents.reduce((end, { offset, length }) => (offset === end ? end + length : Number.NaN), 0)).toBe(
      two.length,
    );
    const zeros = extents.filter(({ type }) => type === 3);
    for (const { offset, length } of zeros)
      expect(two.subarray(offset, offset + length).every((b) => b === 0)).toBe(true);
    const zeroBytes = zeros.reduce((sum, { length }) => sum + length, 0);
    const pages = Array.from({ length: 1500 }, (_, page) => two.subarray(page * PAGE, (page + 1) * PAGE));
    expect(zeroBytes).toBe(PAGE * pages.filter((page) => page.every((byte) => byte === 0)).length);
  });

  for (const args of [[], ['--synchronous'], ['--connections=8', '--requests=64']])
    withTool('nbdcopy', `copies an export ${args.join(' ')}`, () => {
      const copied = run('nbdcopy', ...args, server.uris[1]!, file('copy.raw'));
      expect(copied.code, copied.all).toBe(0);
      expect(fs.readFileSync(file('copy.raw')).equals(two)).toBe(true);
    });

  const hasFuse = fs.existsSync('/dev/fuse') && process.getuid?.() === 0;
  if (!hasFuse) console.warn('NBD: skipped nbdfuse, which needs /dev/fuse and root here');
  if (hasFuse)
    withTool('nbdfuse', 'mounts an export', async () => {
      fs.mkdirSync(file('mnt'), { recursive: true });
      const { status } = spawnSync('sh', [
        '-c',
        'nbdfuse -P "$1/pid" "$1/mnt" "$2" & for i in $(seq 100); do [ -s "$1/pid" ] && break; sleep 0.1; done; ' +
          'cmp "$1/mnt/nbd" "$1/two.raw"; code=$?; fusermount3 -u "$1/mnt" || umount "$1/mnt"; wait; exit $code',
        'sh',
        folder,
        server.uris[1]!,
      ]);
      expect(status).toBe(0);
    });
});

describe('QEMU', () => {
  withTool('qemu-img', 'compares exports with the images that were packed', () => {
    const same = run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', server.uris[0]!, file('one.raw'));
    expect(same.all).toContain('Images are identical');
    const other = run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', server.uris[0]!, server.uris[1]!);
    expect([other.code, other.all]).toEqual([1, `Content mismatch at offset ${40 * PAGE}!\n`]);
  });

  withTool('qemu-io', 'reads, and may not write', () => {
    const read = run('qemu-io', '-r', '-f', 'raw', '-c', `read -P 9 ${41 * PAGE + 5} 70000`, server.uris[1]!);
    expect(read.all).toContain('read 70000/70000 bytes');
    expect(read.all).not.toContain('verification failed');
    const write = run('qemu-io', '-f', 'raw', '-c', 'write 0 4096', server.uris[1]!);
    expect(write.all).toContain('Permission denied');
  });
});

it.each(['SIGINT', 'SIGTERM'] as const)('%s ends the server; its socket is removed', async (signal) => {
  const socket = file(`${signal}.sock`);
  const { child } = await serve(`unix:${socket}`);
  expect(fs.existsSync(socket)).toBe(true);
  child.kill(signal);
  expect(await ended(child)).toMatchObject({ code: 0, signal: null });
  expect(fs.existsSync(socket)).toBe(false);
});

withTool('nbdcopy', 'copies over TCP from any free port', async () => {
  const { child, uris } = await serve('127.0.0.1:0');
  const copied = run('nbdcopy', uris[0]!, file('tcp.raw'));
  child.kill();
  expect(copied.code, copied.all).toBe(0);
  expect(fs.readFileSync(file('tcp.raw')).equals(one)).toBe(true);
});
