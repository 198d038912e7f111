import { expect, test } from 'vitest';
import { FailureLog } from '../../src/mount/failure-log.js';
import { PageferryError } from '../../src/page/error.js';
import { Client, CMD } from './nbd/client.js';
import { memoryImage, PAGE, serve } from './nbd/support.js';

test('a failure is logged once for each cause', () => {
  const lines: string[] = [];
  const log = new FailureLog((line) => lines.push(line));
  log.add('a.raw: reading at byte 0 failed: damaged', 'damaged');
  log.add('a.raw: reading at byte 4096 failed: damaged', 'damaged');
  log.add('lost');
  log.add('lost');
  expect(lines).toEqual(['a.raw: reading at byte 0 failed: damaged', 'lost']);
});

test('NBD: after 1000 different failures the log says that it ends', async () => {
  let reads = 0;
  const image = {
    ...memoryImage('a', Buffer.alloc(PAGE)),
    run: (_: number, bytes: number) => ({ bytes, zero: false }),
    read() {
      throw new PageferryError('io', `failure ${reads++}`);
    },
  };
  const server = await serve([image]);
  const client = await Client.open(server.address, 'a');
  for (let n = 0; n < 1010; n++) expect(await client.error(CMD.READ, 0, PAGE)).toBe(5);
  expect(server.log.slice(0, 2)).toEqual(['a: failure 0', 'a: failure 1']);
  expect(server.log.slice(999)).toEqual([
    'a: failure 999',
    '1000 different failures: later ones are not logged',
  ]);
});
