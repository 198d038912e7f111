import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { afterEach } from 'vitest';

/** The programs of the present test. */
export const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Start a program, which is killed after the test, and return its process id when it has written a line. */
export async function start(program: string, args: string[], ready = true): Promise<number> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  if (ready) await once(child.stdout!, 'data');
  return child.pid!;
}

/** A Node program with a computed pattern in its memory, and a large buffer that it never touches. */
const PATTERN_BYTES = 3 * 65536 + 100;
export const PATTERN_PROGRAM = `
  const pattern = Buffer.alloc(${PATTERN_BYTES});
  let state = 12345;
  for (let i = 0; i < pattern.length; i++) pattern[i] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  globalThis.kept = [pattern, Buffer.allocUnsafeSlow(64 << 20)];
  process.stdin.resume();
  console.log('ready');
  const beat = () => { globalThis.beats = (globalThis.beats ?? 0) + 1; setTimeout(beat, 1); };
  beat();
`;

/** The pattern that PATTERN_PROGRAM computes. */
export function pattern(): Buffer {
  const bytes = Buffer.alloc(PATTERN_BYTES);
  let state = 12345;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

/** The state letter of a process or thread. */
export function state(pid: number): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}

/** Stop a process and wait until all of its threads have stopped. */
export async function stopped(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const states = () => fs.readdirSync(`/proc/${pid}/task`).map((thread) => state(Number(thread)));
  while (states().some((letter) => letter !== 'T')) await new Promise((resolve) => setTimeout(resolve, 1));
}
