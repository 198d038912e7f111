import { execFileSync } from 'node:child_process';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { zstdPackagePath } from '../../src/codec/zstd/package.js';

const skipped = process.platform !== 'linux' || zstdPackagePath() === undefined;
if (skipped)
  console.warn('the test of zstd without address space is skipped: it needs Linux and the optional package');

test.skipIf(skipped)(
  'the optional zstd package without address space is an error that names it',
  async () => {
    const program = `import { packageZstd, zstdPackagePath } from './src/codec/zstd/package.ts';
    try {
      const { name } = await packageZstd(zstdPackagePath());
      console.log(name);
    } catch ({ code, message }) {
      console.log(code + ': ' + message);
    }`;
    const { outputFiles } = await build({
      stdin: { contents: program, resolveDir: process.cwd() },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      external: ['@bokuweb/zstd-wasm'],
    });
    const limited = (input: string, ...flags: string[]) =>
      execFileSync(
        'bash',
        [
          '-c',
          `ulimit -v 4000000; exec "$0" "$@" 2>&1`,
          process.execPath,
          ...flags,
          '--input-type=module',
          '-',
        ],
        { input, encoding: 'utf8' },
      );
    const load = outputFiles[0]!.text;
    // Newer versions of V8 check bounds where they cannot reserve guard regions (Node 24), older ones fail.
    const memory =
      'try { new WebAssembly.Memory({ initial: 1 }); console.log(true) } catch { console.log(false) }';
    expect(limited(load)).toMatch(
      limited(memory) === 'true\n'
        ? /^@bokuweb\/zstd-wasm\n$/
        : /^limit: too little address space .*ulimit -v.*\n$/,
    );
    expect(limited(load, '--disable-wasm-trap-handler')).toBe('@bokuweb/zstd-wasm\n');
  },
);
