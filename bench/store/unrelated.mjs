// Images that are put one after the other into one store, none as the parent of another: boots of one system,
// and guests of several. What each adds, and what it takes in a store of its own.
import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bytesUnder, ran, timed } from './commands.mjs';

const MIB = 1 << 20;

export function unrelatedImages(cli, folder, files, threads) {
  const dir = join(folder, 'unrelated');
  const store = (at, ...args) => timed(process.execPath, [cli, 'store', ...args, '-s', at]);
  for (const file of files) ran('cat', [file], { stdio: ['ignore', 'ignore', 'inherit'] });
  ran(process.execPath, [cli, 'store', 'init', dir]);
  process.stdout.write(
    `\n${'image'.padEnd(22)}${['s', 'MiB alone', 'MiB added', 'of them packs', 'x alone'].map((one) => one.padStart(15)).join('')}\n`,
  );
  for (const [i, file] of files.entries()) {
    const own = join(folder, 'own');
    ran(process.execPath, [cli, 'store', 'init', own]);
    store(own, 'put', file, '--threads', threads, '--name', 'own');
    const alone = bytesUnder(own);
    rmSync(own, { recursive: true });
    const before = bytesUnder(dir);
    const packsBefore = bytesUnder(join(dir, 'packs'));
    const { ms } = store(dir, 'put', file, '--threads', threads, '--name', `image-${i}`);
    const added = bytesUnder(dir) - before;
    const packs = bytesUnder(join(dir, 'packs')) - packsBefore;
    const cells = [(ms / 1000).toFixed(2), mib(alone), mib(added), mib(packs), (added / alone).toFixed(3)];
    process.stdout.write(
      `${join(basename(dirname(file)), basename(file)).padEnd(22)}${cells.map((one) => one.padStart(15)).join('')}\n`,
    );
  }
}

function mib(bytes) {
  return (bytes / MIB).toFixed(1);
}
