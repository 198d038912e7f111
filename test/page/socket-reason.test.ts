import { expect, test } from 'vitest';
import { socketReason } from '../../src/page/socket-reason.js';

const errorOf = (syscall: string, code: string, message: string) =>
  Object.assign(new Error(message), { code, syscall });

test('a socket call has a reason; a file’s error with the same code keeps its message', () => {
  expect(socketReason(errorOf('connect', 'ENOENT', 'connect ENOENT /run/vm'))).toBe(
    'no such socket (ENOENT)',
  );
  expect(socketReason(errorOf('mkdtemp', 'ENOENT', 'ENOENT: no such file'))).toBe('ENOENT: no such file');
  expect(socketReason(errorOf('connect', 'EPROTO', 'connect EPROTO x'))).toBe('connect EPROTO x');
  expect(socketReason(new Error('socket hang up'))).toBe('socket hang up');
});
