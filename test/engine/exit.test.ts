// Programs whose encoder, decoder or sender has workers: they end if it is not closed, and not before its
// jobs do.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { repositoryFile } from '../../testing/repository.js';
import { folders } from '../cli/cli.js';

const newFolder = folders();

const entry = (name: string) => JSON.stringify(pathToFileURL(repositoryFile(`dist/${name}.js`)).href);

/** Lines that a program begins with: `bytes` takes zstd some ms. */
const START = `
import { createDecoder, createEncoder, bytesSink, bytesSource, strategyByName } from ${entry('index')};
import { createPageSender } from ${entry('live')};
const strategy = strategyByName('fixed:zstd:3');
const bytes = new Uint8Array(32 << 20).map((_, i) => Math.imul(i, 2654435761) >>> ((i >> 4) & 15));
let started = 0;
process.on('worker', () => started++);
process.on('exit', (code) => console.log('ended', code, started > 0));
`;

/**
 * Run a program and return what it prints; a program that does not end is killed, and the result is empty.
 */
function run(text: string): string {
  const path = join(newFolder(), 'program.mjs');
  writeFileSync(path, START + text);
  const { stdout, stderr } = spawnSync(process.execPath, [path], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(stderr).toBe('');
  return stdout;
}

test('a sender that is not closed does not keep the process alive; its batches do', () => {
  const output = run(`
    const sender = await createPageSender({ threads: 2, strategy });
    sender.begin('guest', 8192);
    for (let at = 0; at < 24; at++) {
      sender.buffer.set(bytes.subarray(at << 20, (at + 1) << 20));
      const { packed } = await sender.batch(Array.from({ length: 256 }, (_, i) => 256 * at + i));
      // Nothing but the workers keeps the process alive here.
      const { release } = await packed;
      release();
      if (at === 11) await new Promise((resolve) => setTimeout(resolve, 500));
    }
    console.log('sent');
  `);
  expect(output).toBe('sent\nended 0 true\n');
});

test('an encoder that is neither finished nor closed does not keep the process alive', () => {
  const output = run(`
    const encoder = await createEncoder(() => {}, { threads: 2, strategy });
    let sent = 0;
    // Of unknown size, and as long as it takes until there are workers and then some more.
    let left = 16;
    const read = (into) => {
      if (started > 0) left--;
      if (left === 0 || sent > 2 ** 31) return 0;
      sent += into.length;
      for (let at = 0; at < into.length; at += bytes.length) into.set(bytes.subarray(0, into.length - at), at);
      return into.length;
    };
    await encoder.encode({ name: 'image', read });
    console.log('encoded');
  `);
  expect(output).toBe('encoded\nended 0 true\n');
});

test('a decoder that is neither finished nor closed does not keep the process alive', () => {
  const output = run(`
    const parts = [];
    const encoder = await createEncoder((some) => void parts.push(...some.map((part) => part.slice())), { strategy });
    await encoder.encode(bytesSource(bytes, 'image'));
    await encoder.finish();
    const decoder = await createDecoder(() => bytesSink(), { threads: 2 });
    for (const part of parts.slice(0, -1)) await decoder.push(part);
    console.log('decoded');
  `);
  expect(output).toBe('decoded\nended 0 true\n');
});
