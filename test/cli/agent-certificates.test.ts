// The commands for certificates in docs/security.md, as they are written there, and the agents that use them.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { killAgents, startDestination } from './agent-process.js';
import { cli, folders } from './cli.js';

const newFolder = folders();
afterEach(killAgents);

const { stdout: version } = spawnSync('openssl', ['version'], { encoding: 'utf8' });

test.skipIf(!/^OpenSSL 3/.test(version ?? ''))(
  'agents accept the certificates of docs/security.md',
  async () => {
    const folder = newFolder();
    const document = fs.readFileSync('docs/security.md', 'utf8');
    const commands = /^## Certificates\n.*?```sh\n(.*?)```/ms.exec(document)![1]!;
    const made = spawnSync('sh', ['-e', '-c', commands], { cwd: folder, encoding: 'utf8' });
    expect([made.status, made.stderr]).toEqual([0, expect.not.stringContaining('rror')]);
    const files = (host: string) => [
      ...['--tls-cert', `${folder}/${host}.pem`, '--tls-key', `${folder}/${host}.key`],
      ...['--tls-ca', `${folder}/ca.pem`],
    ];
    const destination = startDestination(folder, ...files('host-b'), '--allow-initiator', 'host-a');
    const [, port] = await destination.logs(/listening for a source agent on port (\d+)/);
    const check = (...options: string[]) =>
      cli(['agent', 'check', '--peer', `127.0.0.1:${port}`, '--threads', '1', '--guest', '4M', ...options]);

    const { stdout } = await check(...files('host-a'), '--server-name', 'host-b');
    expect(stdout.toString()).toMatch(/^ok +certificate of this host +CN=host-a, DNS:host-a; valid until/m);
    expect(stdout.toString()).toMatch(/^ok +destination agent +answers as CN:host-b, DNS:host-b$/m);
    expect(stdout.toString()).toMatch(/^ok +certificate of the destination +valid until/m);

    const byAddress = await check(...files('host-a'));
    expect(byAddress.stderr).toMatch(
      /its certificate is for DNS:host-b, not for 127\.0\.0\.1: .*--server-name/,
    );
    const other = await check(...files('host-b'), '--server-name', 'host-b');
    expect(other.stderr).toContain('CN:host-b, DNS:host-b may not start a migration here');
  },
);
