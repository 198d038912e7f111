// Makes the captures in test/fixtures/qemu again, with the qemu-system-x86_64 that is installed; see
// testing/qemu/capture.ts.
//
//   node scripts/capture-qemu.mjs [FOLDER]
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const bundle = new URL('../build/capture-qemu.mjs', import.meta.url);
await build({
  absWorkingDir: root,
  entryPoints: ['testing/qemu/capture.ts'],
  outfile: fileURLToPath(bundle),
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
});
const { captureAll } = await import(bundle.href);
await captureAll(process.argv[2] ?? fileURLToPath(new URL('../test/fixtures/qemu', import.meta.url)));
