// A WebAssembly program whose whole state is its memory: `step` writes one of 1024 pages of 4096 bytes,
// chosen by a counter in page 0.
import asc from 'assemblyscript/asc';

const SOURCE = `
export function steps(): u32 { return load<u32>(0); }
export function step(): void {
  const n = load<u32>(0) + 1;
  store<u32>(0, n);
  const page = 1 + (n * 7) % 1023;
  for (let i: u32 = 0; i < 4096; i += 64) store<u32>(page * 4096 + i, n * i);
}`;

/** Start the program with `memory` (64 pages of 64 KiB). Returns its exports. */
export async function startProgram(memory) {
  const { binary, error } = await asc.compileString(SOURCE, {
    importMemory: true,
    runtime: 'stub',
    optimize: true,
  });
  if (error) throw error;
  const { instance } = await WebAssembly.instantiate(binary, { env: { memory } });
  return instance.exports;
}
