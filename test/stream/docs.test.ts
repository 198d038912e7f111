import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bytesSource } from '../../src/index.js';
import { decoded, encoded } from '../support/streams.js';

// Runs the worked examples of docs/stream.md, so that they cannot rot. An example is a fenced block ```stream-example of fields
// `strategy`, `page bytes` (4096 when it is not there), `base NAME` and `image NAME` in their order, and `stream`. Images and the
// stream are bytes in hex, HH*N for a byte repeated N times, and go on in indented lines; # begins a comment.

interface Example {
  strategy: string;
  pageBytes: number;
  readonly bases: [string, Uint8Array][];
  readonly images: [string, Uint8Array][];
  stream: Uint8Array;
}

const document = readFileSync(new URL('../../docs/stream.md', import.meta.url), 'utf8');
const examples = [...document.matchAll(/^```stream-example\n(.*?)^```/gms)].map((match) => parsed(match[1]!));
const sources = (list: readonly [string, Uint8Array][]) => list.map(([name, bytes]) => bytesSource(bytes, name));

test('there are examples of one page, of versions, of a base and of packing', () => {
  expect(examples.map(({ bases, images }) => [bases.length, images.length])).toEqual([
    [0, 1],
    [0, 2],
    [1, 1],
    [0, 1],
  ]);
});

test.each(examples.map((example) => [example.images.map(([name]) => name).join(' and '), example] as const))(
  'the stream of %s gives its images, and they give it',
  async (_, { strategy, pageBytes, bases, images, stream }) => {
    const back = await decoded(stream, { bases: sources(bases) });
    expect(back.names).toEqual(images.map(([name]) => name));
    for (const [i, [name, bytes]] of images.entries()) expect(Buffer.compare(back.images[i]!, bytes), name).toBe(0);
    const { bytes } = await encoded(sources(images), { strategy, pageBytes, bases: sources(bases) });
    expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(stream).toString('hex'));
  },
);

test('between them the examples show every record and most codecs', async () => {
  const records = new Set<number>();
  const codecs = new Set<string>();
  for (const { stream, bases } of examples) {
    for (let at = 24; at < stream.length; ) {
      const view = new DataView(stream.buffer, stream.byteOffset + at);
      records.add(stream[at]!);
      at += 24 + view.getUint32(4, true) + view.getUint32(8, true);
    }
    const { summary } = await decoded(stream, { bases: sources(bases) });
    for (const name of Object.keys(summary.codecs)) codecs.add(name);
  }
  expect([...records].toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
  expect([...codecs].toSorted()).toEqual(['fill', 'raw', 'same-as', 'similar', 'unchanged', 'xbzrle', 'zero']);
});

function parsed(block: string): Example {
  const example: Example = { strategy: '', pageBytes: 4096, bases: [], images: [], stream: new Uint8Array(0) };
  const fields = block.replace(/ *#.*$/gm, '').split(/\n(?=\S)/);
  for (const field of fields) {
    const [, key = '', value = ''] = /^([^=]+?) *=(.*)$/s.exec(field.trimEnd()) ?? [];
    const [, kind, name = ''] = /^(base|image) (.*)$/.exec(key) ?? [];
    if (kind) example[kind === 'base' ? 'bases' : 'images'].push([name, bytesOf(value)]);
    else if (key === 'strategy') example.strategy = value.trim();
    else if (key === 'page bytes') example.pageBytes = Number(value);
    else if (key === 'stream') example.stream = bytesOf(value);
    else throw new Error(`docs/stream.md: not a field of an example: ${field}`);
  }
  return example;
}

function bytesOf(tokens: string): Uint8Array {
  const bytes = tokens
    .split(/\s+/)
    .filter(Boolean)
    .flatMap((token) => {
      const [, byte, count] = /^([0-9a-f]{2})(?:\*(\d+))?$/i.exec(token) ?? [];
      if (byte === undefined) throw new Error(`docs/stream.md: not a byte: ${token}`);
      return new Array<number>(Number(count ?? 1)).fill(Number.parseInt(byte, 16));
    });
  return Uint8Array.from(bytes);
}
