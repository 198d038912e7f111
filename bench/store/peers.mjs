// Other programs that keep versions of files, each with its defaults for local files and zstd at level 3
// where it has levels. Each takes the images one after the other and returns the ms of all.
import { join } from 'node:path';
import { timed } from './commands.mjs';

const QUIET = { stdio: ['ignore', 'ignore', 'pipe'] };

export const PEERS = [
  {
    name: 'zstd -3, a file each',
    tool: 'zstd',
    run: (dir, files, threads) =>
      sum(files, (file, i) => timed('zstd', ['-3', `-T${threads}`, '-q', file, '-o', join(dir, `${i}.zst`)])),
  },
  {
    name: 'restic',
    tool: 'restic',
    run(dir, files, threads) {
      const env = {
        ...process.env,
        RESTIC_PASSWORD: 'bench',
        RESTIC_CACHE_DIR: `${dir}-cache`,
        GOMAXPROCS: threads,
      };
      const restic = (...args) =>
        timed('restic', ['-q', '-r', dir, '--no-cache', ...args], { ...QUIET, env });
      restic('init');
      return sum(files, (file) => restic('backup', file));
    },
  },
  {
    name: 'borg, zstd,3',
    tool: 'borg',
    run(dir, files) {
      const env = {
        ...process.env,
        BORG_BASE_DIR: `${dir}-base`,
        BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
      };
      const borg = (...args) => timed('borg', args, { ...QUIET, env });
      borg('init', '-e', 'none', dir);
      return sum(files, (file, i) => borg('create', '--compression', 'zstd,3', `${dir}::${i}`, file));
    },
  },
  {
    name: 'casync',
    tool: 'casync',
    run: (dir, files) =>
      sum(files, (file, i) => {
        const args = ['make', `--store=${join(dir, 'chunks.castr')}`, join(dir, `${i}.caibx`), file];
        return timed('casync', args, QUIET);
      }),
  },
];

function sum(files, keep) {
  return files.reduce((ms, file, i) => ms + keep(file, i).ms, 0);
}
