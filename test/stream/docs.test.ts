import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createPageReceiver } from '../../src/engine/live/create-page-receiver.js';
import { bytesSource, strategyByName } from '../../src/index.js';
import { batchOf, liveSender, pushAll, ReceivedMemory } from '../support/live.js';
import { decoded, encoded } from '../support/streams.js';

// Runs the worked examples of docs/stream.md, so that they cannot rot. An example is a fenced block
// ```stream-example of fields `strategy`, `page bytes` (4096 when it is not there), `base NAME` and `image
// NAME` in their order, and `stream`. Images and the stream are bytes in hex, HH*N for a byte repeated N
// times, and go on in indented lines; # begins a comment. A block ```live-example has `guest`, the number of
// its `pages`, a `strategy`, and the batches, `batch NUMBERS` = their pages, in the place of images.

interface Example {
  strategy: string;
  pageBytes: number;
  readonly bases: [string, Uint8Array][];
  readonly images: [string, Uint8Array][];
  stream: Uint8Array;
}

const document = readFileSync(new URL('../../docs/stream.md', import.meta.url), 'utf8');
const examples = [...document.matchAll(/^```stream-example\n(.*?)^```/gms)].map((match) => parsed(match[1]!));
const sources = (list: readonly [string, Uint8Array][]) =>
  list.map(([name, bytes]) => bytesSource(bytes, name));

test('there are examples of one page, of versions, of a base, of packing and of coded pages', () => {
  expect(examples.map(({ bases, images }) => [bases.length, images.length])).toEqual([
    [0, 1],
    [0, 2],
    [1, 1],
    [0, 1],
    [0, 1],
  ]);
});

test.each(examples.map((example) => [example.images.map(([name]) => name).join(' and '), example] as const))(
  'the stream of %s gives its images, and they give it',
  async (_, { strategy, pageBytes, bases, images, stream }) => {
    const back = await decoded(stream, { bases: sources(bases) });
    expect(back.names).toEqual(images.map(([name]) => name));
    for (const [i, [name, bytes]] of images.entries())
      expect(Buffer.compare(back.images[i]!, bytes), name).toBe(0);
    const { bytes } = await encoded(sources(images), {
      strategy,
      pageBytes,
      bases: sources(bases),
      zstd: undefined,
    });
    expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(stream).toString('hex'));
  },
);

test('between them the examples show every record and most codecs', async () => {
  const records = new Set<number>();
  const codecs = new Set<string>();
  for (const { stream, bases } of examples) {
    for (const type of recordTypes(stream)) records.add(type);
    const { summary } = await decoded(stream, { bases: sources(bases) });
    for (const name of Object.keys(summary.codecs)) codecs.add(name);
  }
  expect([...records].toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
  expect([...codecs].toSorted()).toEqual([
    'fill',
    'raw',
    'same-as',
    'similar',
    'unchanged',
    'xbzrle',
    'zero',
    'zstd',
  ]);
});

const PAGE = 4096;
const liveExamples = [...document.matchAll(/^```live-example\n(.*?)^```/gms)].map((match) =>
  parsedLive(match[1]!),
);

test.each(liveExamples.map((example) => [example.guest, example] as const))(
  'the live stream of %s gives its memory, and its batches give the stream',
  async (_, { guest, pages, strategy, batches, stream }) => {
    const now = new Uint8Array(pages * PAGE);
    const sender = await liveSender({ strategy: strategyByName(strategy) });
    const made = [sender.begin(guest, pages)];
    for (const { numbers, bytes } of batches) {
      expect(bytes.length).toBe(numbers.length * PAGE);
      numbers.forEach((page, i) => {
        now.set(bytes.subarray(i * PAGE, (i + 1) * PAGE), page * PAGE);
      });
      made.push((await batchOf(sender, now, numbers)).bytes);
    }
    made.push(sender.end());
    expect(Buffer.concat(made).toString('hex')).toBe(Buffer.from(stream).toString('hex'));
    for (const cut of [stream.length, 1]) {
      const memory = new ReceivedMemory();
      const receiver = await createPageReceiver({ open: memory.open });
      pushAll(receiver, stream, cut);
      receiver.finish();
      expect([memory.name, Buffer.compare(memory.bytes, now)]).toEqual([guest, 0]);
    }
  },
);

test('the live example shows every record that such a stream has', () => {
  expect(liveExamples.map(({ stream }) => recordTypes(stream))).toEqual([[1, 7, 2, 7, 2, 3]]);
});

function recordTypes(stream: Uint8Array): number[] {
  const types: number[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset);
  for (
    let at = 24;
    at < stream.length;
    at += 24 + view.getUint32(at + 4, true) + view.getUint32(at + 8, true)
  )
    types.push(stream[at]!);
  return types;
}

interface LiveExample {
  guest: string;
  pages: number;
  strategy: string;
  readonly batches: { readonly numbers: readonly number[]; readonly bytes: Uint8Array }[];
  stream: Uint8Array;
}

function parsedLive(block: string): LiveExample {
  const example: LiveExample = { guest: '', pages: 0, strategy: '', batches: [], stream: new Uint8Array(0) };
  for (const [key, value] of fieldsOf(block)) {
    const [, numbers] = /^batch (.*)$/.exec(key) ?? [];
    if (numbers !== undefined)
      example.batches.push({ numbers: numbers.split(' ').map(Number), bytes: bytesOf(value) });
    else if (key === 'guest' || key === 'strategy') example[key] = value.trim();
    else if (key === 'pages') example.pages = Number(value);
    else if (key === 'stream') example.stream = bytesOf(value);
    else throw new Error(`docs/stream.md: not a field of a live example: ${key}`);
  }
  return example;
}

function fieldsOf(block: string): [key: string, value: string][] {
  const fields = block.replace(/ *#.*$/gm, '').split(/\n(?=\S)/);
  return fields.map((field) => {
    const [, key = '', value = ''] = /^([^=]+?) *=(.*)$/s.exec(field.trimEnd()) ?? [];
    return [key, value];
  });
}

function parsed(block: string): Example {
  const example: Example = {
    strategy: '',
    pageBytes: 4096,
    bases: [],
    images: [],
    stream: new Uint8Array(0),
  };
  for (const [key, value] of fieldsOf(block)) {
    const [, kind, name = ''] = /^(base|image) (.*)$/.exec(key) ?? [];
    if (kind) example[kind === 'base' ? 'bases' : 'images'].push([name, bytesOf(value)]);
    else if (key === 'strategy') example.strategy = value.trim();
    else if (key === 'page bytes') example.pageBytes = Number(value);
    else if (key === 'stream') example.stream = bytesOf(value);
    else throw new Error(`docs/stream.md: not a field of an example: ${key}`);
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
