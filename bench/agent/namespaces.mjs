// Two hosts as network namespaces, joined by a link of a given rate.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const NAMES = { source: 'pageferry-a', destination: 'pageferry-b' };
const DEVICES = { source: 'pfa', destination: 'pfb' };
export const ADDRESSES = { source: '10.77.0.1', destination: '10.77.0.2' };

/** Why there can be no namespaces here; undefined where there can. */
export function namespacesLack() {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const tool of ['ip', 'tc']) if (spawnSync(tool, ['-V']).error) return `${tool} is not installed`;
  const made = spawnSync('ip', ['netns', 'add', 'pageferry-try']);
  if (made.status !== 0) return `no network namespaces: ${made.stderr.toString().trim()}`;
  spawnSync('ip', ['netns', 'del', 'pageferry-try']);
  return undefined;
}

/** Makes them; `bitsPerSecond` undefined: nothing shapes the link. */
export function openNamespaces(bitsPerSecond) {
  closeNamespaces();
  const { source, destination } = NAMES;
  for (const name of [source, destination]) ip('netns', 'add', name);
  ip(
    'link',
    'add',
    DEVICES.source,
    'netns',
    source,
    'type',
    'veth',
    'peer',
    'name',
    DEVICES.destination,
    'netns',
    destination,
  );
  for (const side of ['source', 'destination']) {
    ip('-n', NAMES[side], 'addr', 'add', `${ADDRESSES[side]}/24`, 'dev', DEVICES[side]);
    ip('-n', NAMES[side], 'link', 'set', DEVICES[side], 'up');
    ip('-n', NAMES[side], 'link', 'set', 'lo', 'up');
    if (bitsPerSecond === undefined) continue;
    const burst = bitsPerSecond > 5e8 ? '512kb' : '128kb';
    const shape = ['root', 'tbf', 'rate', `${bitsPerSecond}bit`, 'burst', burst, 'latency', '20ms'];
    execFileSync('tc', ['-n', NAMES[side], 'qdisc', 'replace', 'dev', DEVICES[side], ...shape]);
  }
}

export function closeNamespaces() {
  for (const name of Object.values(NAMES)) spawnSync('ip', ['netns', 'del', name]);
}

/** What a program is started by, to run on that host. */
export function inside(side) {
  return ['ip', 'netns', 'exec', NAMES[side]];
}

/** Bytes that the source has sent. */
export function sentBytes() {
  const text = execFileSync('ip', ['netns', 'exec', NAMES.source, 'cat', '/proc/net/dev'], {
    encoding: 'utf8',
  });
  const line = text.split('\n').find((one) => one.trim().startsWith(`${DEVICES.source}:`));
  return Number(line.trim().split(/[\s:]+/)[9]);
}

/** CPU seconds of a process so far. */
export function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

function ip(...args) {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
