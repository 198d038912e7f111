// Decodes the frame that docs/codecs/zstd.md takes apart, so that it stays true.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { agree, loadLibzstd, reference, testDecoder } from './decoder.js';

const document = readFileSync(new URL('../../../docs/codecs/zstd.md', import.meta.url), 'utf8');

test('the frame of docs/codecs/zstd.md is what the document says', async () => {
  const lines = /```frame\n(.*?)```/s.exec(document)![1]!.trim().split('\n');
  const text = lines.pop()!.replace('content = ', '');
  const parts = lines.map((line) => {
    const [, hex, meaning] = /^((?:[0-9a-f]{2} )*[0-9a-f]{2})\s{2,}(.+)$/.exec(line)!;
    return { bytes: hex!.split(' ').map((byte) => Number.parseInt(byte, 16)), meaning: meaning! };
  });
  const frame = Uint8Array.from(parts.flatMap(({ bytes }) => bytes));
  const content = new TextEncoder().encode(text);
  const decoder = await testDecoder(1024);
  expect(agree(decoder.decode(frame, content.length), content)).toBe(true);
  expect(agree(reference(frame, content.length), content)).toBe(true);
  const libzstd = loadLibzstd();
  if (typeof libzstd === 'string') console.warn(`not checked with libzstd: ${libzstd}`);
  else expect(agree(libzstd.decompress(frame, content.length), content)).toBe(true);
  // The literals are quoted, and the sizes are numbers of the text.
  for (const { bytes, meaning } of parts.filter(({ meaning }) => meaning.startsWith('"')))
    expect(JSON.parse(meaning)).toBe(String.fromCharCode(...bytes));
  expect(parts.find(({ meaning }) => meaning.includes('bytes of content'))!.meaning).toContain(
    `${text.length}`,
  );
});

test('the bits of its sequences are those of the table', () => {
  const stream = /^((?:[0-9a-f]{2} )+[0-9a-f]{2}) +48 bits/m.exec(document)![1]!;
  const bits = stream
    .split(' ')
    .reverse()
    .map((byte) => Number.parseInt(byte, 16).toString(2).padStart(8, '0'))
    .join('');
  const table = document.slice(document.indexOf('| bits | what they are'));
  const rows = [...table.matchAll(/^\| ((?:`[01]+`(?:, )?)+) \|/gm)].map(([, cell]) =>
    cell!.replace(/[^01]/g, ''),
  );
  expect(rows.join('')).toBe(bits);
});
