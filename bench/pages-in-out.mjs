// Copying pages into, within and out of wasm memory, by every available method, against native memcpy (libc,
// through koffi) on the same bytes of the same memory.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fillRandom, print, printTable, readOptions, verdict, writeRows } from './kernels/suite.mjs';
import { race } from './race.mjs';

const PAGE_BYTES = 4096;
const KIB = 1024;
const MIB = 1 << 20;
const SETS = { '256 KiB': 256 * KIB, '64 MiB': 64 * MIB };
const TARGET = 0.95;
const LIBC = { linux: 'libc.so.6', darwin: '/usr/lib/libSystem.B.dylib', win32: 'msvcrt.dll' };

/**
 * (module (import "env" "memory" (memory 1)) (func (export "copy") (param i32 i32 i32) local.get 0, 1, 2;
 * memory.copy))
 */
const COPY_MODULE = `0061736d01000000 010701 60037f7f7f00 020f01 03656e76 066d656d6f7279 020001 03020100 070801 04636f7079 0000
  0a0e01 0c00 2000 2001 2002 fc0a0000 0b`;

export async function run(argv) {
  const { quick, json } = readOptions(argv);
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-bench-'));
  const rows = [];
  try {
    const native = await loadNative();
    if (native)
      print(
        `a call through koffi takes ${(1e6 * native.callMs).toFixed(0)} ns, which is subtracted from native times`,
      );
    for (const [name, bytes] of Object.entries(SETS)) {
      const set = createSet(folder, bytes);
      try {
        for (const [direction, contestants] of Object.entries(directionsOf(set, native))) {
          for (const contestant of contestants) verify(contestant, set);
          const results = await race(contestants, { rounds: quick ? 5 : 21 });
          rows.push(
            ...report(name, direction, contestants, withoutCall(contestants, results, native?.callMs)),
          );
        }
      } finally {
        fs.closeSync(set.fd);
      }
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  writeRows(json, rows);
}

/** Load libc's memcpy and pread; undefined if they are not available. */
async function loadNative() {
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load(LIBC[process.platform] ?? LIBC.linux);
    const pread =
      process.platform === 'win32'
        ? undefined
        : libc.func('long pread(int fd, void *to, size_t bytes, long at)');
    const memcpy = libc.func('void *memcpy(void *to, const void *from, size_t bytes)');
    const one = new Uint8Array(1);
    const [{ medianMs }] = await race([{ name: 'call', run: () => void memcpy(one, one, 0) }], {
      rounds: 15,
    });
    return { memcpy, pread, callMs: medianMs };
  } catch (error) {
    print(`memcpy and all ratios: skipped, ${error.message.split('\n')[0]}`);
    return undefined;
  }
}

/**
 * Create the same pages in a Uint8Array, in wasm memory and in a file, with equal buffers inside and outside.
 */
function createSet(folder, bytes) {
  const memory = new WebAssembly.Memory({ initial: 1 + (2 * bytes) / 65536 });
  const module = new WebAssembly.Module(Buffer.from(COPY_MODULE.replaceAll(/\s/g, ''), 'hex'));
  const { copy } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const wasm = new Uint8Array(memory.buffer);
  const [stored, buffer] = [65536, 65536 + bytes];
  const pages = new Uint8Array(bytes);
  fillRandom(new Uint32Array(pages.buffer));
  wasm.set(pages, stored);
  const file = join(folder, `${bytes}.raw`);
  fs.writeFileSync(file, pages);
  return {
    bytes,
    wasm,
    stored,
    buffer,
    pages,
    outside: new Uint8Array(bytes).fill(1),
    copy,
    fd: fs.openSync(file),
  };
}

/** Return contestants by direction; the first of each, where native code is available, is the reference. */
function directionsOf(set, native) {
  return {
    'into wasm memory': intoMemory(set, native),
    'inside wasm memory': insideMemory(set, native),
    'out of wasm memory': outOfMemory(set, native),
    'from a file into wasm memory': fromFile(set, native),
  };
}

const nativeCopy = (native, to, from) =>
  native
    ? [
        {
          name: 'native memcpy',
          into: to,
          native: true,
          run: () => void native.memcpy(to, from, from.length),
        },
      ]
    : [];

function intoMemory({ bytes, wasm, buffer, pages }, native) {
  const into = wasm.subarray(buffer, buffer + bytes);
  const paged = () => {
    for (let at = 0; at < bytes; at += PAGE_BYTES) wasm.set(pages.subarray(at, at + PAGE_BYTES), buffer + at);
  };
  return [
    ...nativeCopy(native, into, pages),
    { name: 'set, all at once', into, hasTarget: true, run: () => wasm.set(pages, buffer) },
    { name: 'set, page by page', into, run: paged },
  ].map((contestant) => ({ bytes, ...contestant }));
}

function insideMemory({ bytes, wasm, stored, buffer, copy }, native) {
  const into = wasm.subarray(buffer, buffer + bytes);
  const paged = () => {
    for (let at = 0; at < bytes; at += PAGE_BYTES) copy(buffer + at, stored + at, PAGE_BYTES);
  };
  return [
    ...nativeCopy(native, into, wasm.subarray(stored, stored + bytes)),
    { name: 'memory.copy, all at once', into, hasTarget: true, run: () => copy(buffer, stored, bytes) },
    { name: 'memory.copy, page by page', into, run: paged },
    {
      name: 'copyWithin, all at once',
      into,
      hasTarget: true,
      run: () => void wasm.copyWithin(buffer, stored, stored + bytes),
    },
    { name: 'set of a subarray', into, run: () => wasm.set(wasm.subarray(stored, stored + bytes), buffer) },
  ].map((contestant) => ({ bytes, ...contestant }));
}

function outOfMemory({ bytes, wasm, stored, outside }, native) {
  const from = () => wasm.subarray(stored, stored + bytes);
  const paged = () => {
    for (let at = 0; at < bytes; at += PAGE_BYTES)
      outside.set(wasm.subarray(stored + at, stored + at + PAGE_BYTES), at);
  };
  return [
    ...nativeCopy(native, outside, from()),
    {
      name: 'set of a subarray, all at once',
      into: outside,
      hasTarget: true,
      run: () => outside.set(from()),
    },
    { name: 'set of subarrays, page by page', into: outside, run: paged },
    { name: 'Buffer.from, new memory', run: () => Buffer.from(from()) },
    { name: 'slice, new memory', run: () => wasm.slice(stored, stored + bytes) },
  ].map((contestant) => ({ bytes, ...contestant }));
}

function fromFile({ bytes, wasm, buffer, pages, fd }, native) {
  const into = wasm.subarray(buffer, buffer + bytes);
  const readBy = (chunk) => () => {
    for (let at = 0; at < bytes; at += chunk) {
      const length = Math.min(chunk, bytes - at);
      if (fs.readSync(fd, wasm, buffer + at, length, at) !== length) throw new Error('readSync: short read');
    }
  };
  const pread = native?.pread;
  return [
    ...nativeCopy(native, into, pages),
    ...(pread
      ? [{ name: 'native pread, all at once', into, native: true, run: () => void pread(fd, into, bytes, 0) }]
      : []),
    ...(bytes > 4 * MIB ? [{ name: 'readSync, 4 MiB each', into, run: readBy(4 * MIB) }] : []),
    { name: 'readSync, 256 KiB each', into, run: readBy(256 * KIB) },
    { name: 'readSync, 4 KiB each', into, run: readBy(PAGE_BYTES) },
  ].map((contestant) => ({ bytes, ...contestant }));
}

/** Expect that a contestant copies all bytes. */
function verify({ name, into, run }, { pages }) {
  into?.fill(0xa5);
  const result = run();
  if (Buffer.compare(into ?? result, pages) !== 0) throw new Error(`${name}: the copied bytes differ`);
}

/** Subtract the cost of the call through koffi. */
function withoutCall(contestants, results, callMs) {
  return results.map((result, i) => {
    if (!contestants[i].native) return result;
    const medianMs = result.medianMs - callMs;
    return { ...result, medianMs, perSecond: (result.perSecond * result.medianMs) / medianMs };
  });
}

function report(set, direction, contestants, results) {
  const memcpy = results.find(({ name }) => name === 'native memcpy');
  const rows = results.map(({ name, medianMs, spread, perSecond }, i) => {
    const row = {
      suite: 'pages-in-out',
      set,
      direction,
      contestant: name,
      medianMs,
      spread,
      bytesPerSecond: perSecond,
    };
    if (!memcpy) return row;
    const ratio = perSecond / memcpy.perSecond;
    return contestants[i].hasTarget ? { ...row, ratio, ...verdict(ratio, TARGET) } : { ...row, ratio };
  });
  print(`\n${set} ${direction}`);
  printTable(
    ['', 'GB/s', 'spread', 'of memcpy', ''],
    rows.map(({ contestant, bytesPerSecond, spread, ratio, text = '' }) => [
      contestant,
      (bytesPerSecond / 1e9).toFixed(2),
      `${(100 * spread).toFixed(0)} %`,
      ratio?.toFixed(3) ?? '',
      text,
    ]),
  );
  return rows.map(({ text, ...row }) => row);
}
