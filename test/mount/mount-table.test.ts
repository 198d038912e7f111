import fs from 'node:fs';
import { expect, test } from 'vitest';
import { mountedAt, mountSource } from '../../src/mount/fuse/mount-table.js';
import { folders } from '../cli/cli.js';

const newFolder = folders();

test('the source of a mount has what is mounted, without the secrets of a URL, in the bytes that the kernel takes', () => {
  expect(mountSource('/srv/store:web')).toBe('pageferry:/srv/store:web');
  expect(mountSource('a b')).toBe(`pageferry:${process.cwd()}/a b`);
  expect(mountSource('https://user:word@host/two.pack?token=1')).toBe('pageferry:https://host/two.pack');
  const long = mountSource(`/${'é'.repeat(400)}/store`);
  expect(Buffer.byteLength(long)).toBeLessThan(256);
  expect(long).toMatch(/^pageferry:\.\.\.é+\/store$/);
});

test('the mount that is visible at a path is found in the table of the system', () => {
  const folder = newFolder();
  const path = `${folder}/a b`;
  fs.mkdirSync(path);
  const escaped = path.replace(' ', '\\040');
  const line = (type: string, source: string, at = escaped) =>
    `42 27 0:39 / ${at} ro,nosuid shared:7 - ${type} ${source} ro,user_id=0\n`;
  const own = line('fuse', 'pageferry:/srv/my\\040store');
  expect(mountedAt(path, own)).toBe('/srv/my store');
  expect(mountedAt(path, line('fuse', 'sshfs'))).toBeUndefined();
  expect(mountedAt(path, line('ext4', 'pageferry:/x'))).toBeUndefined();
  expect(mountedAt(path, line('fuse', 'pageferry:/x', `${escaped}c`))).toBeUndefined();
  expect(mountedAt(path, own + line('tmpfs', 'tmpfs'))).toBeUndefined();
  expect(mountedAt(path, line('tmpfs', 'tmpfs') + own)).toBe('/srv/my store');
  expect(mountedAt(path, '')).toBeUndefined();
  expect(mountedAt(path, 'no table\n - \n')).toBeUndefined();
  expect(mountedAt(path)).toBeUndefined();
});
