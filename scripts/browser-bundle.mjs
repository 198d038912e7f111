// Bundles a built entry for a browser; an import of a Node module is an error.
import { build } from 'esbuild';

/** Return what a browser loads of an entry at once: the entry and its static imports, minified. */
export async function browserBundle(entry = 'index') {
  const { outputFiles, metafile } = await build({
    entryPoints: [`dist/${entry}.js`],
    bundle: true,
    splitting: true,
    write: false,
    outdir: 'bundle',
    metafile: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'error',
  });
  const loaded = new Set();
  const load = (path) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { path: imported, kind, external } of metafile.outputs[path].imports)
      if (kind === 'import-statement' && !external) load(imported);
  };
  load(`bundle/${entry}.js`);
  return Buffer.concat(
    [...loaded].map((path) => outputFiles.find((file) => file.path.endsWith(path)).contents),
  );
}
