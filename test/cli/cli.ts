import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';

/** The program as it is shipped: `npm test` builds it first. */
export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
if (!fs.existsSync(CLI)) throw new Error(`${CLI} is not there: npm run build`);

export const PAGE = 4096;

export interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions extends SpawnOptions {
  /** Standard input, which then ends; a descriptor is inherited. Empty by default. */
  readonly input?: Uint8Array | number;
}

/** Starts it with standard input as a pipe that stays open. */
export function start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(process.execPath, [CLI, ...args], { stdio: ['pipe', 'pipe', 'pipe'], ...options });
}

/** Waits until it has ended and said all. */
export async function ended(child: ChildProcess): Promise<Run> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (bytes) => out.push(bytes));
  child.stderr?.on('data', (bytes) => err.push(bytes));
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() };
}

/** Runs it to its end. */
export async function cli(args: readonly string[], { input, ...options }: RunOptions = {}): Promise<Run> {
  const stdin = typeof input === 'number' ? input : input ? 'pipe' : 'ignore';
  const child = start(args, { stdio: [stdin, 'pipe', 'pipe'], ...options });
  // It may end before it has read all: that is its business.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return ended(child);
}

/** Runs it and expects that it did what it should. */
export async function done(args: readonly string[], options?: RunOptions): Promise<Run> {
  return expectDone(await cli(args, options));
}

export function expectDone(run: Run): Run {
  expect({ code: run.code, stderr: run.code === 0 ? '' : run.stderr }).toEqual({ code: 0, stderr: '' });
  return run;
}

/** Runs it and expects failure, said in one line and nowhere else. */
export async function fails(
  code: 1 | 2,
  args: readonly string[],
  message: RegExp,
  options?: RunOptions,
): Promise<Run> {
  return expectFailure(await cli(args, options), code, message);
}

export function expectFailure(run: Run, code: 1 | 2, message: RegExp): Run {
  expect(run.stderr).toMatch(/^pageferry: [^\n]+\n$/);
  expect(run.stderr).toMatch(message);
  expect({ code: run.code, stdout: run.stdout.toString() }).toEqual({ code, stdout: '' });
  return run;
}

type Counts = Readonly<Record<string, { pages: number; bytes: number }>>;

/** What the commands report, all of them together. */
export interface Report {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly pages: number;
  readonly encodeMs: number;
  readonly codecs: Counts;
  readonly images: readonly (Record<'bytesIn' | 'bytes' | 'pages' | 'zero' | 'rest', number> & {
    name: string;
    digest: string;
  })[];
  readonly notes: readonly string[];
  readonly name: string;
  readonly recommendation: { strategy: string; text: string; estimates: Record<string, number> };
  readonly trials: Readonly<Record<string, { pages: number }>>;
  readonly storedBytes: number;
  readonly regions: number;
  readonly pid: number;
}

/** The one JSON object on a stream. */
export function json(text: Buffer | string): Report {
  expect(text.toString()).toMatch(/^\{[^\n]*\}\n$/);
  return JSON.parse(text.toString());
}

/** A folder of its own for every call, all gone when the file's tests are done. */
export function folders(): () => string {
  const root = fs.mkdtempSync(join(tmpdir(), 'cli-test-'));
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));
  let number = 0;
  return () => {
    const folder = join(root, String(number++));
    fs.mkdirSync(folder);
    fs.chmodSync(root, 0o755);
    return folder;
  };
}

/** A guest of about a MiB: every kind of page, many times, each time somewhat different. */
export function guest(seed: number, rounds = 12, extra = 0): Buffer {
  const rest = guestImage(PAGE, seed, extra);
  return Buffer.concat([...Array.from({ length: rounds }, (_, i) => guestImage(PAGE, seed + i)), rest]);
}

export function later(image: Uint8Array, seed: number): Buffer {
  return Buffer.from(laterImage(Uint8Array.from(image), PAGE, seed));
}

export function random(bytes: number, seed: number): Buffer {
  const next = seeded(seed);
  const words = Uint32Array.from({ length: bytes / 4 }, () => next());
  return Buffer.from(words.buffer);
}

/** Wait for something that another process does. Attempts are counted, not time: a machine may pause. */
export async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (let tries = 0; tries < 4000; tries++) {
    const found = look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('waited without success');
}

/** Runs a program of the system. */
export function system(program: string, args: readonly string[]): { status: number | null; stdout: string } {
  return spawnSync(program, args, { input: '', encoding: 'utf8' });
}

export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

const UNPRIVILEGED = { uid: 65534, gid: 65534 };

/**
 * Options to run the CLI as an unprivileged user; undefined unless root, or where that user cannot read the
 * program.
 */
export function asUnprivilegedUser(): SpawnOptions | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const probe = spawnSync(process.execPath, [CLI, '--version'], { ...UNPRIVILEGED, cwd: '/' });
  return probe.status === 0 ? { ...UNPRIVILEGED, cwd: '/' } : undefined;
}

/** A folder with a trace of two snapshots. */
export function twoSnapshots(folder: string) {
  const trace = join(folder, 'trace');
  const [first, second] = [join(trace, '000.raw'), join(trace, '001.raw')] as const;
  const image = guest(1, 2);
  fs.mkdirSync(trace);
  fs.writeFileSync(first, image);
  fs.writeFileSync(second, later(image, 2));
  return { folder, trace, first, second, image };
}

/**
 * Send a program SIGINT again and again from the moment it creates something in a folder; expect the folder
 * to be empty then.
 */
export async function expectNothingLeft(folder: string, child: ReturnType<typeof start>): Promise<void> {
  const run = ended(child);
  const timer = setInterval(() => {
    if (fs.readdirSync(folder).length > 0) child.kill('SIGINT');
  }, 5);
  const { signal, stderr } = await run;
  clearInterval(timer);
  expect(stderr).toMatch(/^(pageferry: stopped by SIGINT\n)?$/);
  if (signal) expect(fs.readdirSync(folder)).toEqual([]);
}
