// Images from the command line: files, and directories of them.
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { openImage } from '../../dist/node.js';
import { rawFiles, tracesIn } from '../images.mjs';

const PIECE_BYTES = 4 << 20;

/** Return a workload per image, directory of images, or folder in a directory of such directories. */
export function fileWorkloads(paths, traces) {
  const series = Object.entries(traces ? tracesIn(traces) : {});
  for (const path of paths) {
    if (!statSync(path).isDirectory()) series.push([basename(path), [path]]);
    else if (rawFiles(path).length > 0) series.push([basename(path), rawFiles(path)]);
    else series.push(...Object.entries(tracesIn(path)));
  }
  return series.map(([name, files]) => ({
    name,
    description: files.length === 1 ? files[0] : `${files.length} images`,
    async *images() {
      for (const file of files) yield { name: basename(file), bytes: readImage(file) };
    },
  }));
}

/** Read a whole image from a raw file or an ELF core. */
export function readImage(path) {
  const source = openImage(path);
  try {
    const bytes = new Uint8Array(source.bytes);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES)
      source.readAt(bytes.subarray(at, at + PIECE_BYTES), at);
    return bytes;
  } finally {
    source.close();
  }
}
