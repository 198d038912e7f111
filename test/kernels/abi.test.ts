import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ZSTD_LAYOUT } from '../../src/kernels/layout.generated.js';
import * as entry from '../../src/kernels.js';

const wasmFile = new URL('../../build/kernels.wasm', import.meta.url);
const zstdFile = new URL('../../build/zstd.wasm', import.meta.url);
const abi = readFileSync(new URL('../../docs/kernels-abi.md', import.meta.url), 'utf8');
const modules = [wasmFile, zstdFile].map(
  (file) => new WebAssembly.Module(new Uint8Array(readFileSync(file))),
);
const layouts = [entry.LAYOUT, ZSTD_LAYOUT];

test('the host of docs/kernels-abi.md encodes and decodes a page with the shipped module alone', () => {
  const program = /```js\n(.*?)```/s.exec(abi)![1]!;
  const code = program.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('//'));
  expect(code.length).toBeLessThanOrEqual(32);
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-abi-'));
  try {
    copyFileSync(wasmFile, join(folder, 'kernels.wasm'));
    writeFileSync(join(folder, 'host.mjs'), program);
    const printed = execFileSync(process.execPath, [join(folder, 'host.mjs')], { encoding: 'utf8' });
    expect(abi).toContain(`It prints \`${printed.trim()}\``);
    expect(printed).toMatch(/^4096 bytes, \d+ coded, identical: true\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every export of the modules is in docs/kernels-abi.md, and nothing else is in its tables', () => {
  const exported = modules.flatMap((module) => WebAssembly.Module.exports(module).map(({ name }) => name));
  const kernels = exported.filter((name) => name !== 'memory');
  const rows = [...abi.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, names]) =>
    [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name!),
  );
  const statuses = Object.keys(entry.STATUS);
  const documented = rows.filter((name) => !statuses.includes(name) && name !== 'heapBase');
  expect(documented.toSorted()).toEqual(kernels.filter((name) => name !== 'heapBase').toSorted());
  expect(rows).toContain('heapBase');
  for (const module of modules)
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
});

test('the statuses and sizes of docs/kernels-abi.md are those of the modules', () => {
  for (const [name, status] of Object.entries(entry.STATUS))
    expect(abi).toContain(`| ${status} | \`${name}\` |`);
  for (const [i, module] of modules.entries()) {
    const { exports } = new WebAssembly.Instance(module, {
      env: { memory: new WebAssembly.Memory({ initial: 1 }) },
    });
    for (const [name, value] of Object.entries(exports)) {
      if (!(value instanceof WebAssembly.Global)) continue;
      expect(value.value, name).toBe((layouts[i] as Record<string, number>)[name]);
      const row = abi.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``))!;
      const hex = `0x${value.value.toString(16)}`;
      expect(row.includes(String(value.value)) || row.includes(hex), row).toBe(true);
    }
  }
});

test('pageferry/kernels lays out a memory and codes a page', async () => {
  const arena = new entry.Arena();
  const context = entry.createCodecContext(arena);
  const [page, coded, decoded] = ['page', 'coded page', 'decoded page'].map((name) => arena.slot(name, 4096));
  const { bytes, run } = await arena.allocate();
  bytes.fill(7, page!, page! + 2048);
  for (const name of ['rle', 'zero-aware', 'wkdm', 'lz4'] as const) {
    const codec = entry.codecByName(name);
    const codedBytes = codec.encode!(context, page!, 4096, coded!, 4095, 0);
    expect(codedBytes, name).toBeGreaterThan(0);
    expect(codec.decode!(context, coded!, codedBytes, decoded!, 4096), name).toBe(4096);
    expect(run.pagesEqual(page!, decoded!, 4096), name).toBe(1);
  }
});
