// A sender's whole process into a rate-limited pipe, in a given state of the CPU.
import { execFileSync, spawn, spawnSync } from 'node:child_process';

/** Of every period, the sender's processes are stopped for the first part. */
const PERIOD_MS = 50;
const STOPPED_MS = 40;
const BUSY_LOOPS = 2;
/** Runs a command into the pipe $0, then writes the CPU times of its processes to descriptor 3. */
const TIMED = '"$@" > "$0"; status=$?; times >&3; exit $status';
/** Runs the limiter from the pipe $0: one with a name, since Node's own are sockets. */
const LIMITED = 'exec "$@" < "$0"';

/** States of the CPU: what comes before the command, and what happens beside it. `begin` returns its end. */
export const STATES = {
  free: { description: 'nothing beside it' },
  'one-core': {
    description: 'one core (taskset -c 0)',
    prefix: ['taskset', '-c', '0'],
    missing: () => missingTool('taskset'),
  },
  busy: { description: `${BUSY_LOOPS} busy loops beside it`, begin: beginBusyLoops },
  stopped: {
    description: `stopped for ${STOPPED_MS} of every ${PERIOD_MS} ms (SIGSTOP, SIGCONT)`,
    begin: beginStopping,
  },
};

/** Create a named pipe. */
export function createFifo(path) {
  execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
  return path;
}

function missingTool(name) {
  return spawnSync(name, ['--version']).error ? `${name} is not installed` : undefined;
}

function beginBusyLoops() {
  const loops = Array.from({ length: BUSY_LOOPS }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  return () => {
    for (const loop of loops) loop.kill('SIGKILL');
  };
}

/** Stop and continue a process group again and again. */
function beginStopping(group) {
  let timer;
  const signal = (name) => {
    try {
      process.kill(-group, name);
    } catch {
      // It has ended meanwhile.
    }
  };
  const stop = () => {
    signal('SIGSTOP');
    timer = setTimeout(resume, STOPPED_MS);
  };
  const resume = () => {
    signal('SIGCONT');
    timer = setTimeout(stop, PERIOD_MS - STOPPED_MS);
  };
  stop();
  return () => {
    clearTimeout(timer);
    signal('SIGCONT');
  };
}

/**
 * Run a command into the link `limiter` (words of a command that reports on descriptor 3) through the named
 * pipe `fifo`. Returns the ms from its start until the link had taken the last byte, the bytes, and the CPU
 * ms of all its processes.
 *
 * @throws Error with the standard error of the command
 */
export async function send(command, limiter, fifo, { prefix = [], begin }) {
  const link = spawn('sh', ['-c', LIMITED, fifo, ...limiter], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const report = textOf(link.stdio[3]);
  const startedMs = monotonicMs();
  const child = spawn('sh', ['-c', TIMED, fifo, ...prefix, ...command], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = begin?.(child.pid);
  try {
    const [errors, times, status] = await Promise.all([
      textOf(child.stderr),
      textOf(child.stdio[3]),
      new Promise((resolve) => child.once('exit', resolve)),
    ]);
    if (status !== 0) throw new Error(`${command.join(' ')}: ${errors.trim() || `exit status ${status}`}`);
    const [bytes, lastMs] = (await report).trim().split(' ').map(Number);
    return { ms: lastMs - startedMs, bytes, cpuMs: childrenMs(times) };
  } finally {
    end?.();
    link.kill('SIGKILL');
  }
}

/** Milliseconds of the clock that the limiter reports. */
function monotonicMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function textOf(stream) {
  let text = '';
  for await (const part of stream) text += part;
  return text;
}

/** Return the sum of the second line of `times`: "0m1.230s 0m0.450s", user and system of the children. */
function childrenMs(text) {
  const words = text.trim().split('\n')[1].split(' ');
  return words.reduce((sum, word) => {
    const [, minutes, seconds] = /^(\d+)m([\d.]+)s$/.exec(word);
    return sum + 60_000 * Number(minutes) + 1000 * Number(seconds);
  }, 0);
}
