import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { createKernels } from '../../src/kernels/kernels.js';
import { ZSTD_LAYOUT } from '../../src/kernels/layout.generated.js';
import { instantiate, moduleLoader } from '../../src/kernels/module.js';
import { KERNELS_WASM } from '../../src/kernels/wasm.generated.js';

afterEach(() => vi.restoreAllMocks());

test.each(['own', 'shared'] as const)('both modules work in one %s memory', async (kind) => {
  const { zstd, run, bytes } = await createKernels(1 << 20, { isShared: kind === 'shared' });
  expect(zstd.ZSTD_MAX_BLOCK_BYTES.value).toBe(ZSTD_LAYOUT.ZSTD_MAX_BLOCK_BYTES);
  expect(run.fillByte(0x8000, bytes.length - 0x8000)).toBe(0);
  expect(run.fillByte(8192, 4096)).toBe(0);
});

test('a module is compiled once for each kind of memory', async () => {
  const load = moduleLoader(() => KERNELS_WASM);
  expect(await load()).toBe(await load('own'));
  expect(await load('shared')).toBe(await load('shared'));
  expect(await load('shared')).not.toBe(await load());
});

test('outside of Node a module is inflated by DecompressionStream', async () => {
  const nodeModules = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
  const module = await moduleLoader(() => KERNELS_WASM)('own');
  expect(nodeModules).toHaveBeenCalledWith('node:zlib');
  const built = new WebAssembly.Module(new Uint8Array(readFileSync('build/kernels.wasm')));
  expect(WebAssembly.Module.exports(module)).toEqual(WebAssembly.Module.exports(built));
  const { fillByte } = instantiate<{ fillByte(src: number, bytes: number): number }>(
    module,
    new WebAssembly.Memory({ initial: 1 }),
  );
  expect(fillByte(0x4000, 64)).toBe(0);
});
