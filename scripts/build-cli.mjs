// Bundles the command line into dist/: cli.js, which loads one of the other files, and a file for each
// command with all that it needs. One more file takes Node longer to load than 30 KB more in one file, so
// nothing is shared between them. Also the threads that are started from a file beside the program.
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Of commands.ts: 'store list': async () => (await import('./store/list.js')).command */
const COMMAND = /^ {2}'?([a-z0-9 -]+)'?: async \(\) => \(await import\('([^']+)'\)\)\.command,$/gm;

/** Its source map is written to build/, for the bench that profiles it. */
const PROFILED = 'cli-agent';

const commands = Array.from(
  readFileSync(new URL('../src/cli/commands.ts', import.meta.url), 'utf8').matchAll(COMMAND),
  ([, path, module]) => ({ path, module, name: `cli-${path.replaceAll(' ', '-')}` }),
);
const fileOf = new Map(commands.map(({ module, name }) => [module, `./${name}.js`]));

/** Each command is a file, also for the commands that are loaded for the help of the program. */
const separateCommands = {
  name: 'separate-commands',
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\/(commands|store)\// }, ({ path, importer }) =>
      importer.endsWith('/cli/commands.ts') ? { path: fileOf.get(path), external: true } : undefined,
    );
  },
};

/** Bundles that are loaded on demand: HTML reports with their chart library, names of other programs. */
const separateFiles = {
  name: 'separate-files',
  setup(bundler) {
    bundler.onResolve({ filter: /\/report\/html\/pages\.js$/ }, () => ({
      path: './report-page.js',
      external: true,
    }));
    bundler.onResolve({ filter: /\/other-names\.js$/ }, () => ({
      path: './other-names.js',
      external: true,
    }));
  },
};

const common = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: ['lmdb', 'koffi'],
  // A quarter of the bytes: indentation, and comments in classes. Names stay, for stack traces.
  minifyWhitespace: true,
  lineLimit: 110,
  logLevel: 'warning',
  plugins: [separateCommands, separateFiles],
};

await Promise.all([
  build({
    ...common,
    entryPoints: { cli: 'src/cli/entry.ts' },
    outdir: 'dist',
    banner: { js: '#!/usr/bin/env node' },
    define: {
      PROGRAM_FILES: JSON.stringify({
        '': './cli-main.js',
        ...Object.fromEntries(commands.map(({ path, name }) => [path, `./${name}.js`])),
      }),
    },
  }),
  build({
    ...common,
    entryPoints: {
      'cli-main': 'src/cli/main.ts',
      'other-names': 'src/cli/other-names.ts',
      'mount-worker': 'src/mount/worker.ts',
      'http-worker': 'src/image/http/worker.ts',
    },
    outdir: 'dist',
  }),
  ...commands.map(({ module, name }) =>
    build({
      ...common,
      stdin: {
        contents: `export { start } from './main.js'; export { command } from '${module}';`,
        resolveDir: `${ROOT}src/cli`,
        sourcefile: `${name}.js`,
      },
      outfile: `dist/${name}.js`,
      sourcemap: name === PROFILED && 'external',
    }),
  ),
]);
mkdirSync(new URL('../build', import.meta.url), { recursive: true });
await rename(`${ROOT}dist/${PROFILED}.js.map`, `${ROOT}build/${PROFILED}.js.map`);
chmodSync(new URL('../dist/cli.js', import.meta.url), 0o755);
