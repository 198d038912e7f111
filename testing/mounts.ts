// Mounts of this program, for tests, examples and benches.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createInterface } from 'node:readline';

/** Return why this system cannot mount, if so. */
export function mountSkipReason(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  const folder = fs.mkdtempSync('/tmp/pageferry-probe-');
  let device: number | undefined;
  try {
    device = fs.openSync('/dev/fuse', 'r+');
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
    const argv = ['-i', '-t', 'fuse', '-o', options, 'probe', folder];
    const { status, stderr } = spawnSync('mount', argv, { stdio: ['ignore', 'ignore', 'pipe', device] });
    return status === 0 ? undefined : `cannot mount: ${stderr}`.trim();
  } catch (error) {
    return `cannot mount: ${(error as Error).message}`;
  } finally {
    if (device !== undefined) fs.closeSync(device);
    spawnSync('umount', [folder], { stdio: 'ignore' });
    fs.rmdirSync(folder);
  }
}

/** A mount that a process of its own serves. */
export interface RunningMount {
  readonly child: ChildProcess;
  /** What it has printed, JSON objects. */
  readonly lines: readonly string[];
  /** Wait until it has ended; returns its exit code or signal, and its report. */
  ended(): Promise<{
    code: number | null;
    signal: string | null;
    report: Record<string, number>;
    stderr: string;
  }>;
  /** Unmount and wait. */
  close(): ReturnType<RunningMount['ended']>;
}

/** Mount with `node CLI mount ARGV --json` and wait until it is mounted. @throws what the program prints */
export async function startMount(cli: string, argv: readonly string[]): Promise<RunningMount> {
  const child = spawn(process.execPath, [cli, 'mount', ...argv, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  const mounted = new Promise<void>((resolve) => {
    reader.on('line', (line) => {
      lines.push(line);
      resolve();
    });
  });
  const closed = once(child, 'close');
  await Promise.race([
    mounted,
    closed.then(() => {
      throw new Error(stderr);
    }),
  ]);
  const ended = async () => {
    const [code, signal] = await closed;
    return { code, signal, report: JSON.parse(lines.length > 1 ? lines.at(-1)! : '{}'), stderr };
  };
  return {
    child,
    lines,
    ended,
    close() {
      child.kill('SIGTERM');
      return ended();
    },
  };
}
