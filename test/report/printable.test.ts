import { expect, test } from 'vitest';
import { printable } from '../../src/report/terminal/printable.js';
import { table } from '../../src/report/terminal/table.js';

test('control characters are escaped, line ends only in single lines', () => {
  expect(printable('a\x1b]0;owned\x07b')).toBe('a\\u001b]0;owned\\u0007b');
  expect(printable('\x7f \x9b \u2028 \u202e \r')).toBe('\\u007f \\u009b \\u2028 \\u202e \\u000d');
  expect(printable('one\ntwo')).toBe('one\ntwo');
  expect(printable('one\ntwo', { isOneLine: true })).toBe('one\\u000atwo');
  expect(printable('plain: ä, 漢字, µs …')).toBe('plain: ä, 漢字, µs …');
});

test('JSON stays valid and keeps its meaning', () => {
  const report = { name: 'e\x1b[2J\x9b\u2028', notes: ['a\nb'] };
  const text = printable(JSON.stringify(report));
  expect(text).not.toMatch(/[\p{Cc}\u2028]/u);
  expect(JSON.parse(text)).toEqual(report);
});

test('each cell of a table is one line', () => {
  expect(table(['image', 'pages'], [['a\nb', '12']])).toBe(
    'image    pages\n-------- -----\n'.replace('-- -', '--  -').replace('e    p', 'e     p') +
      'a\\u000ab     12',
  );
});
