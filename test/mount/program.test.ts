// Mounts and exports that a program makes with the built entry `pageferry/store`, without the command line.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mountSkipReason } from '../../testing/mounts.js';
import { repositoryFile } from '../../testing/repository.js';
import { done, folders, guest } from '../cli/cli.js';

const reason = mountSkipReason();
if (reason) console.log(`mounts by a program: skipped: ${reason}`);
const newFolder = folders();
const folder = newFolder();
const store = join(folder, 'store');
const image = guest(5, 2);
fs.writeFileSync(join(folder, 'a.raw'), image);
await done(['store', 'init', store]);
await done(['store', 'put', '-s', store, join(folder, 'a.raw'), '--name', 'a']);

/** Run a program with the arguments STORE, a directory and `extra`; return what it prints. */
function run(name: string, text: string, ...extra: string[]): string {
  const path = join(folder, name);
  fs.writeFileSync(path, text);
  const { stdout, stderr } = spawnSync(process.execPath, [path, store, newFolder(), ...extra], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(stderr).toBe('');
  return stdout;
}

test.skipIf(reason)(
  'a program mounts a store, reads a file of it and unmounts (skipped without FUSE)',
  () => {
    const output = run(
      'mount.mjs',
      `import { readFileSync, readdirSync } from 'node:fs';
    import { join } from 'node:path';
    import { mount } from ${JSON.stringify(repositoryFile('dist/store.js'))};
    const mounted = await mount(process.argv[2], process.argv[3]);
    const bytes = readFileSync(join(mounted.path, 'a.raw'));
    mounted.unmount();
    const { bytesRead, failedReads } = await mounted.ended;
    console.log(mounted.images[0].name, bytes.length);
    console.log(bytes.equals(readFileSync(process.argv[4])), bytesRead >= bytes.length, failedReads);
    console.log(readdirSync(process.argv[3]).length);`,
      join(folder, 'a.raw'),
    );
    expect(output).toBe(`a ${image.length}\ntrue true 0\n0\n`);
  },
);

test('a CommonJS program serves snapshots over NBD, and closes the server', () => {
  const output = run(
    'serve.cjs',
    `const { connect } = require('node:net');
    const { openServed, serveNbd } = require(${JSON.stringify(repositoryFile('dist/store.cjs'))});
    (async () => {
      const served = await openServed(process.argv[2], { isAsync: true });
      const path = process.argv[3] + '/nbd';
      const server = await serveNbd(served.images, { address: { path } });
      const socket = connect(path);
      socket.once('data', (bytes) => {
        console.log(served.images[0].name, served.images[0].bytes, bytes.toString('latin1', 0, 16));
        server.close();
        served.close();
      });
      socket.once('close', () => console.log('closed', require('node:fs').existsSync(path)));
    })();`,
  );
  expect(output).toBe(`a ${image.length} NBDMAGICIHAVEOPT\nclosed false\n`);
});
