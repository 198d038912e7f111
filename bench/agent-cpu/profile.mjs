// CPU time by part of the work, from the profiles that Node writes with --cpu-prof.
import { readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = new URL('../../dist/', import.meta.url);
const BUNDLE = 'cli-agent.js';
const BUNDLE_MAP = new URL('../../build/cli-agent.js.map', import.meta.url);

/** A worker that waits for a job in `Atomics.wait`, which V8's profiler takes for work. */
const WAITING = 'waiting for a job';

/** Part of the work by name of a native function, of a kernel, and by source file; the first match counts. */
const PARTS = [
  [WAITING, ({ url, kernel }) => url === '[worker eval]' && kernel === ''],
  ['event loop, system calls', ({ name }) => name === '(program)'],
  ['garbage collection', ({ name }) => name === '(garbage collector)'],
  ['checks (CRC)', ({ name }) => /crc32/i.test(name)],
  ['hash', ({ kernel }) => /hash|survey|digest/i.test(kernel)],
  ['LZ4, zstd, deltas', ({ kernel, name }) => kernel !== '' || /zstd|lz4|writeSync|processChunk/i.test(name)],
  ['copies', ({ url, name }) => url === '' && /^(set|fill|slice|subarray|copy|concat|from)$/.test(name)],
  [
    'sockets',
    ({ url, name }) => url.startsWith('node:') || (url === '' && /^(write|read|shutdown)/.test(name)),
  ],
  ['parse', ({ file }) => /^src\/(qemu|stream)\/|staging|record-parser/.test(file)],
  ['frames, sockets of the link', ({ file }) => file.startsWith('src/channel/')],
  ['look-up', ({ file }) => file.startsWith('src/dedup/')],
  ['choice of codecs', ({ file }) => file.startsWith('src/strategy/')],
  ['encoder, decoder', ({ file }) => /^src\/(engine|codec|kernels)\//.test(file)],
  ['agent', ({ file }) => file.startsWith('src/')],
  ['other', () => true],
];

/** Return seconds by part, of all threads of a process, between two times; and the slowest functions. */
export function partsOf(folder, { startedUs, endedUs }) {
  const seconds = new Map();
  const functions = new Map();
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    const byId = new Map(nodes.map((node) => [node.id, describe(node.callFrame)]));
    let at = startTime;
    for (const [i, id] of samples.entries()) {
      at += timeDeltas[i];
      const frame = byId.get(id);
      if (at < startedUs || at > endedUs || frame.name === '(idle)') continue;
      const spent = timeDeltas[i] / 1e6;
      const part = PARTS.find(([, matches]) => matches(frame))[0];
      if (part === WAITING) continue;
      seconds.set(part, (seconds.get(part) ?? 0) + spent);
      const key = `${frame.kernel || frame.name} ${frame.file || frame.url.split('/').at(-1)}`;
      functions.set(key, (functions.get(key) ?? 0) + spent);
    }
  }
  return { seconds, functions: [...functions].sort((a, b) => b[1] - a[1]) };
}

export const PART_NAMES = PARTS.map(([name]) => name).filter((name) => name !== WAITING);

let bundleMap;

function describe({ functionName, url, lineNumber, columnNumber }) {
  const index = /^wasm-function\[(\d+)\]$/.exec(functionName)?.[1];
  const kernel = url.startsWith('wasm') ? kernelName(index, functionName) : '';
  const file = url.endsWith(`/${BUNDLE}`) ? sourceFile(lineNumber, columnNumber) : '';
  return { name: functionName || '(anonymous)', url, kernel, file };
}

/** Source file of a place in the bundle, from the root of the repository: src/... */
function sourceFile(line, column) {
  bundleMap ??= new SourceMap(JSON.parse(readFileSync(BUNDLE_MAP, 'utf8')));
  return bundleMap.findEntry(line, column).originalSource?.replace(/^(\.\.\/)+/, '') ?? '';
}

let exportNames;

/** The profile numbers functions that have no name. */
function kernelName(index, functionName) {
  exportNames ??= exportsOf(readFileSync(fileURLToPath(new URL('kernels.wasm', DIST))));
  return index === undefined ? functionName : (exportNames.get(Number(index)) ?? `wasm-function[${index}]`);
}

/** Names of exported functions by index, from the module's export section. */
function exportsOf(bytes) {
  const names = new Map();
  let at = 8;
  const u32 = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const end = u32() + at;
    if (id === 7)
      for (let left = u32(); left > 0; left--) {
        const length = u32();
        const name = bytes.toString('utf8', at, at + length);
        at += length;
        const kind = bytes[at++];
        const index = u32();
        if (kind === 0) names.set(index, name);
      }
    at = end;
  }
  return names;
}
