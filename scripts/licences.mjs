// Writes the licences of every package in a bundle to a file beside it, as the licences require.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** An esbuild plugin that writes `file`. */
export function licences(file) {
  return {
    name: 'licences',
    setup(bundler) {
      bundler.initialOptions.metafile = true;
      bundler.onEnd(({ metafile }) => {
        if (!metafile) return;
        const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
        const used = inputs.filter(
          ([path, { bytesInOutput }]) => bytesInOutput > 0 && path.includes('node_modules/'),
        );
        const folders = new Set(
          used.map(([path]) => path.replace(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\/.*$/, '$1')),
        );
        const texts = [...folders].sort((a, b) => (basename(a) < basename(b) ? -1 : 1)).map(notice);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, `${texts.join(`\n${'-'.repeat(80)}\n\n`)}`);
      });
    },
  };
}

function basename(folder) {
  return folder.split('node_modules/').pop();
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file =
    existsSync(folder) && readdirSync(folder).find((found) => /^(licen[cs]e|copying)/i.test(found));
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '(the package has no licence file)';
  return `${name} ${version}, ${license}\n\n${text}\n`;
}
