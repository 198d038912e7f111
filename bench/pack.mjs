// `pageferry pack` against general-purpose tools: whole processes in turns, medians of wall time.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findImages } from './images.mjs';

const CLI = new URL('../dist/cli.js', import.meta.url).pathname;
const LINKS = { '10Gbit': 10e9, '1Gbit': 1e9, '100Mbit': 100e6 };

export async function run(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean' },
      traces: { type: 'string' },
      runs: { type: 'string' },
      node: { type: 'string' },
      only: { type: 'string' },
    },
  });
  const runs = Number(values.runs ?? (values.quick ? 1 : 7));
  const bench = new Bench(values.node ?? process.execPath, runs);
  const { series, clean } = await findImages(values.traces, values.quick);
  const missing = ['lz4', 'zstd'].filter((tool) => !has(tool));
  if (missing.length > 0) {
    process.stdout.write(`skipped: ${missing.join(' and ')} not installed\n`);
    return;
  }
  const wants = (name) => values.only === undefined || values.only.split(',').includes(name);
  try {
    process.stdout.write(`${bench.version}, medians of ${runs}\n`);
    for (const [name, files] of Object.entries(series)) {
      if (wants('lz4')) bench.lz4(name, files[0]);
      if (wants('links')) bench.links(name, files[0]);
      if (wants('later') && files.length > 2) bench.later(name, files);
      if (wants('base') && files.length > 1) bench.base(name, files);
    }
  } finally {
    clean();
    bench.clean();
  }
}

class Bench {
  constructor(node, runs) {
    this.node = node;
    this.runs = runs;
    this.time = has('time');
    this.folder = mkdtempSync(join(tmpdir(), 'pageferry-bench-'));
    this.version = `node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`;
  }

  clean() {
    rmSync(this.folder, { recursive: true, force: true });
  }

  pack(args) {
    return {
      name: `pageferry ${args.filter((arg) => !arg.includes('/')).join(' ')}`,
      command: this.node,
      args: [CLI, 'pack', ...args, '-o', 'OUT', '--json'],
    };
  }

  /** Run the commands in turns; return median wall ms, bytes and peak MiB of each. */
  measure(commands) {
    const taken = commands.map(() => []);
    for (let round = 0; round < this.runs; round++) {
      for (let turn = 0; turn < commands.length; turn++) {
        const i = (round + turn) % commands.length;
        taken[i].push(this.once(commands[i]));
      }
    }
    return commands.map(({ name }, i) => {
      const sorted = taken[i].map(({ ms }) => ms).sort((a, b) => a - b);
      return {
        name,
        ms: sorted[sorted.length >> 1],
        bytes: taken[i].at(-1).bytes,
        laterBytes: taken[i].at(-1).laterBytes,
        peakMiB: Math.max(...taken[i].map(({ peakMiB }) => peakMiB)),
      };
    });
  }

  once({ command, args, steps }) {
    let ms = 0;
    let bytes = 0;
    let peakMiB = 0;
    let laterBytes = 0;
    for (const [program, list] of steps ?? [[command, args]]) {
      const out = join(this.folder, 'out');
      const started = process.hrtime.bigint();
      const words = [program, ...list.map((arg) => (arg === 'OUT' ? out : arg))];
      const [first, ...rest] = this.time ? ['time', '-f', 'peak %M', ...words] : words;
      const { status, stderr, stdout } = spawnSync(first, rest, {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      ms += Number(process.hrtime.bigint() - started) / 1e6;
      if (status !== 0) throw new Error(`${program} ${list.join(' ')}: ${stderr}`);
      peakMiB = Math.max(peakMiB, Number(/peak (\d+)/.exec(stderr)?.[1] ?? 0) / 1024);
      bytes += statSync(out).size;
      unlinkSync(out);
      // The report of pageferry has the bytes of each image.
      if (stdout.startsWith('{'))
        laterBytes = JSON.parse(stdout)
          .images.slice(1)
          .reduce((sum, image) => sum + image.bytesOut, 0);
    }
    return { ms, bytes, peakMiB, laterBytes };
  }

  lz4(name, image) {
    const lz4 = { name: 'lz4 -1', command: 'lz4', args: ['-1', '-qf', image, 'OUT'] };
    const [theirs, ours] = this.measure([
      lz4,
      this.pack([image, '--strategy', 'fixed:lz4', '--threads', '1']),
    ]);
    show(`${name}: one thread, fixed:lz4 against lz4 -1 (bytes < 1, wall <= 1.3)`, [theirs, ours], theirs);
  }

  links(name, image) {
    const tools = ['-1', '-3', '-9'].map((level) => ({
      name: `zstd ${level} -T2`,
      command: 'zstd',
      args: [level, '-T2', '-qf', image, '-o', 'OUT'],
    }));
    const rest = [
      { name: 'lz4 -1', command: 'lz4', args: ['-1', '-qf', image, 'OUT'] },
      { name: 'no compression', command: 'cp', args: ['--sparse=never', image, 'OUT'] },
    ];
    const links = Object.keys(LINKS);
    const measured = this.measure([
      ...tools,
      ...rest,
      ...links.map((link) => this.pack([image, '--link', link, '--threads', '2'])),
    ]);
    for (const [i, link] of links.entries()) {
      const pipelined = ({ ms, bytes }) => Math.max(ms, (bytes * 8000) / LINKS[link]);
      const theirs = measured.slice(0, 5);
      const best = theirs.reduce((a, b) => (pipelined(b) < pipelined(a) ? b : a));
      const ours = measured[5 + i];
      process.stdout.write(
        `\n${name} at ${link}: pipelined ${pipelined(ours).toFixed(0)} ms (wall ${ours.ms.toFixed(0)} ms, ${ours.bytes} bytes, peak ${ours.peakMiB.toFixed(0)} MiB); best other ${best.name} ${pipelined(best).toFixed(0)} ms (wall ${best.ms.toFixed(0)} ms, ${best.bytes} bytes): ratio ${(pipelined(ours) / pipelined(best)).toFixed(3)}\n`,
      );
    }
  }

  later(name, files) {
    const steps = files
      .slice(1)
      .map((file, i) => ['zstd', ['-3', '--long=31', `--patch-from=${files[i]}`, '-qf', file, '-o', 'OUT']]);
    const [theirs, first, all] = this.measure([
      { name: 'zstd -3 --patch-from, later images', steps },
      this.pack([files[0], '--threads', '2']),
      this.pack([...files, '--threads', '2']),
    ]);
    const ours = {
      name: `pageferry: all ${files.length} images minus the first`,
      ms: all.ms - first.ms,
      bytes: all.laterBytes,
      peakMiB: all.peakMiB,
    };
    show(
      `${name}: ${files.length - 1} later images (bytes <= 1.25, time <= 0.2)`,
      [theirs, ours, all],
      theirs,
    );
  }

  base(name, files) {
    const image = files.at(-1);
    const [theirs, ours] = this.measure([
      {
        name: 'zstd -3 --patch-from',
        command: 'zstd',
        args: ['-3', '--long=31', `--patch-from=${files[0]}`, '-qf', image, '-o', 'OUT'],
      },
      this.pack([image, '--base', files[0], '--threads', '2']),
    ]);
    show(
      `${name}: the last image with the first as base (bytes <= 1.25, wall <= 0.33)`,
      [theirs, ours],
      theirs,
    );
  }
}

/** Return whether a program is installed. */
function has(program) {
  return spawnSync(program, ['--version']).error === undefined;
}

function show(title, rows, against) {
  process.stdout.write(`\n${title}\n`);
  for (const { name, ms, bytes, peakMiB } of rows)
    process.stdout.write(
      `  ${name.padEnd(60)} ${ms.toFixed(0).padStart(7)} ms ${String(bytes).padStart(11)} bytes  peak ${peakMiB.toFixed(0).padStart(4)} MiB  wall ${(ms / against.ms).toFixed(3)}  bytes ${(bytes / against.bytes).toFixed(3)}\n`,
    );
}
