// Two hosts as network namespaces, connected by a link with a limited rate.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

type Side = 'source' | 'destination';

const SIDES: readonly Side[] = ['source', 'destination'];
const NAMES: Readonly<Record<Side, string>> = { source: 'pageferry-a', destination: 'pageferry-b' };
const DEVICES: Readonly<Record<Side, string>> = { source: 'pfa', destination: 'pfb' };
const CLOCK_TICKS_PER_SECOND = 100;

/** IP address of each host. */
export const ADDRESSES: Readonly<Record<Side, string>> = { source: '10.77.0.1', destination: '10.77.0.2' };

/** Return the reason why namespaces cannot be created here, or undefined if they can. */
export function namespacesSkipReason(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const tool of ['ip', 'tc']) if (spawnSync(tool, ['-V']).error) return `${tool} is not installed`;
  const attempt = spawnSync('ip', ['netns', 'add', 'pageferry-try']);
  if (attempt.status !== 0) return `no network namespaces: ${attempt.stderr.toString().trim()}`;
  spawnSync('ip', ['netns', 'del', 'pageferry-try']);
  return undefined;
}

/** Create both namespaces and the link between them; without `bitsPerSecond` its rate is not limited. */
export function openNamespaces(bitsPerSecond?: number): void {
  closeNamespaces();
  for (const side of SIDES) ip('netns', 'add', NAMES[side]);
  const [near, far] = SIDES.map((side) => [DEVICES[side], 'netns', NAMES[side]]) as [string[], string[]];
  ip('link', 'add', ...near, 'type', 'veth', 'peer', 'name', ...far);
  for (const side of SIDES) {
    const namespace = ['-n', NAMES[side]];
    ip(...namespace, 'addr', 'add', `${ADDRESSES[side]}/24`, 'dev', DEVICES[side]);
    ip(...namespace, 'link', 'set', DEVICES[side], 'up');
    ip(...namespace, 'link', 'set', 'lo', 'up');
    if (bitsPerSecond === undefined) continue;
    const burst = bitsPerSecond > 5e8 ? '512kb' : '128kb';
    const shaper = ['root', 'tbf', 'rate', `${bitsPerSecond}bit`, 'burst', burst, 'latency', '20ms'];
    execFileSync('tc', [...namespace, 'qdisc', 'replace', 'dev', DEVICES[side], ...shaper]);
  }
}

export function closeNamespaces(): void {
  for (const name of Object.values(NAMES)) spawnSync('ip', ['netns', 'del', name]);
}

/** Return the command prefix that starts a program on a host. */
export function namespacePrefix(side: Side): string[] {
  return ['ip', 'netns', 'exec', NAMES[side]];
}

/** Return the bytes that the source has sent over the link. */
export function sentBytes(): number {
  const [program, ...rest] = namespacePrefix('source');
  const text = execFileSync(program!, [...rest, 'cat', '/proc/net/dev'], { encoding: 'utf8' });
  const line = text.split('\n').find((one) => one.trim().startsWith(`${DEVICES.source}:`));
  return Number(line!.trim().split(/[\s:]+/)[9]);
}

/** Return the CPU time of a process, or of a thread `PID/task/TID`, so far, in seconds; 0 if it has ended. */
export function cpuSeconds(pid: number | string): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
