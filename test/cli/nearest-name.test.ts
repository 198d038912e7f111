import { expect, test } from 'vitest';
import { nearestName } from '../../src/cli/nearest-name.js';

const KNOWN = ['--label', '--level', '--store', '--keep-last', '--mode'];

test.each([
  ['--lable', '--label'], // two letters exchanged
  ['--labl', '--label'], // one is missing
  ['--labell', '--label'], // one too many
  ['--lavel', '--label'], // as near as --level: the first
  ['--kep-lst', '--keep-last'], // two are missing
  ['--mode', '--mode'],
])('%s resembles %s', (word, name) => {
  expect(nearestName(word, KNOWN)).toBe(name);
});

test.each(['', '-', '--', '-l', '--l', '--lbx', '--frob', '--keeplst-', '--LABEL', 'a'.repeat(1e6)])(
  '%.20s resembles none',
  (word) => {
    expect(nearestName(word, KNOWN)).toBeUndefined();
    expect(nearestName(word, [])).toBeUndefined();
  },
);

test('a name of two letters resembles no other', () => {
  expect(nearestName('pt', ['put', 'get', 'rm'])).toBeUndefined();
  expect(nearestName('gte', ['put', 'get', 'rm'])).toBe('get');
});
