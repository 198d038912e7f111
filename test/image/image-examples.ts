// Reads the examples of docs/images/: fenced blocks ```image-example NAME of lines
//
//     file OFFSET: BYTES         bytes of the file; all others are zero; BYTES: HH or (HH …)*N
//     image OFFSET: BYTES        bytes of the image
//     range ADDRESS: N bytes     the next range of the image, which ends where the last one does
import fs from 'node:fs';
import { join } from 'node:path';
import { repositoryFile } from '../../testing/repository.js';

export interface ImageExample {
  readonly name: string;
  readonly file: Buffer;
  readonly image: Buffer;
  readonly ranges: { readonly address: bigint; readonly bytes: number }[];
}

export function imageExamples(): ImageExample[] {
  const folder = repositoryFile('docs/images');
  const text = fs
    .readdirSync(folder)
    .sort()
    .map((name) => fs.readFileSync(join(folder, name), 'utf8'))
    .join('');
  const blocks = [...text.matchAll(/^```image-example ([a-z0-9-]+)\n(.*?)^```/gms)];
  if (blocks.length === 0) throw new Error('docs/images: no examples');
  return blocks.map(([, name, lines]) => example(name!, lines!));
}

function example(name: string, text: string): ImageExample {
  const parts = { file: [] as [number, Buffer][], image: [] as [number, Buffer][] };
  const ranges: { address: bigint; bytes: number }[] = [];
  for (const line of text.trim().split('\n')) {
    const match = /^(file|image|range) (0x[0-9a-f]+|\d+): (.*?)(\s+#.*)?$/.exec(line);
    if (!match) throw new Error(`docs/images: example ${name}: cannot read "${line}"`);
    const [, kind, at, rest] = match;
    if (kind === 'range')
      ranges.push({ address: BigInt(at!), bytes: Number(/^(\d+) bytes$/.exec(rest!)![1]) });
    else parts[kind as 'file' | 'image'].push([Number(at), bytesOf(rest!)]);
  }
  const bytes = ranges.reduce((sum, range) => sum + range.bytes, 0);
  return { name, file: placed(parts.file), image: placed(parts.image, bytes), ranges };
}

function bytesOf(text: string): Buffer {
  const flat = text.replace(/\(([^()]*)\)\*(\d+)/g, (_, hex: string, count: string) =>
    ` ${hex} `.repeat(Number(count)),
  );
  return Buffer.from(flat.replace(/\s+/g, ''), 'hex');
}

function placed(parts: readonly (readonly [number, Buffer])[], bytes?: number): Buffer {
  const out = Buffer.alloc(bytes ?? Math.max(...parts.map(([at, part]) => at + part.length)));
  for (const [at, part] of parts) part.copy(out, at);
  return out;
}
