// Records the streams of test/fixtures/qemu again with the installed qemu-system-x86_64
// (testing/qemu/capture.ts).
//
//   npm run build && node scripts/capture-qemu.mjs [FOLDER]
import { fileURLToPath } from 'node:url';
import { captureAll } from '../build/internal.mjs';

await captureAll(process.argv[2] ?? fileURLToPath(new URL('../test/fixtures/qemu', import.meta.url)));
