// Memory of the program for files with a million ranges of addresses, and for large pipes.
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { minidumpHead } from '../image/minidump-support.js';
import { done, ended, expectDone, folders, start } from './cli.js';

const RANGES = 1_000_000;
const RANGE_BYTES = 16;
const HEAD_BYTES = 60;
/** A number without a common divisor with the number of ranges. */
const STEP = 611_953;
const MAX_MIB = 256;

const dir = folders()();
const dump = join(dir, 'many.dmp');

/** A minidump whose ranges have one address of two, in no order. */
function writeDump(): void {
  const list = new BigUint64Array(2 * RANGES);
  for (let i = 0; i < RANGES; i++) {
    list[2 * i] = BigInt(0x10000 + 2 * RANGE_BYTES * ((i * STEP) % RANGES));
    list[2 * i + 1] = BigInt(RANGE_BYTES);
  }
  const head = minidumpHead(RANGES, HEAD_BYTES + list.byteLength);
  const memory = new Uint32Array((RANGES * RANGE_BYTES) / 4).map((_, i) => i >>> 6);
  fs.writeFileSync(dump, Buffer.concat([head, Buffer.from(list.buffer), Buffer.from(memory.buffer)]));
}

const peakFile = join(dir, 'peak');
const hook = join(dir, 'hook.mjs');

const env = { ...process.env, NODE_OPTIONS: `--import=file://${hook}` };
const write = `fs.writeFileSync(${JSON.stringify(peakFile)}, String(process.resourceUsage().maxRSS))`;
fs.writeFileSync(
  hook,
  `import { once } from 'node:events';
import fs from 'node:fs'; process.on('exit', () => ${write});`,
);

/** Run the program; returns its output and the most memory that it had. */
async function peakOf(...args: string[]) {
  const { stdout } = await done(args, { env });
  return { stdout, mib: Number(fs.readFileSync(peakFile, 'utf8')) / 1024 };
}

test('a million ranges are inspected, packed, unpacked and written as a core in less than 256 MiB', async () => {
  writeDump();
  const packed = join(dir, 'many.pfy');
  const back = join(dir, 'back.dmp');
  const core = join(dir, 'many.core');
  const inspected = await peakOf('inspect', '--json', dump);
  const [image] = JSON.parse(inspected.stdout.toString()).images;
  expect(image.ranges.length).toBe(RANGES);
  expect(image.ranges.at(-1)).toEqual({ address: '0x1e947e0', bytes: RANGE_BYTES });
  const peaks = [
    inspected.mib,
    (await peakOf('pack', dump, '-o', packed, '--threads', '1', '--strategy', 'fixed:lz4')).mib,
    (await peakOf('unpack', packed, '-o', back)).mib,
    (await peakOf('unpack', packed, '--as', 'elf', '-o', core)).mib,
  ];
  expect(fs.readFileSync(back).equals(fs.readFileSync(dump))).toBe(true);
  expect(Math.max(...peaks), `peaks ${peaks.map(Math.round).join(', ')} MiB`).toBeLessThan(MAX_MIB);
});

test('a pipe of different pages is packed in less than 256 MiB', async () => {
  const mib = 512;
  const child = start(['pack', '-', '-o', '/dev/null', '--threads', '1', '--strategy', 'fixed:lz4'], { env });
  const end = ended(child);
  const piece = new Uint32Array((1 << 20) / 4);
  for (let i = 0; i < mib; i++) {
    for (let page = 0; page < 256; page++) piece[1024 * page] = 256 * i + page + 1;
    if (!child.stdin!.write(Uint8Array.from(new Uint8Array(piece.buffer)))) await once(child.stdin!, 'drain');
  }
  child.stdin!.end();
  expectDone(await end);
  expect(Number(fs.readFileSync(peakFile, 'utf8')) / 1024).toBeLessThan(MAX_MIB);
});
