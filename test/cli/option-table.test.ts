import { describe, expect, test } from 'vitest';
import { type OptionTable, parseOptions } from '../../src/cli/option-table.js';
import { bitRate, byteCount, wholeNumber } from '../../src/cli/values.js';

const TABLE = {
  output: { short: 'o', value: 'FILE', help: 'output', required: true },
  link: { value: 'RATE', help: 'links', parse: bitRate, repeatable: true, default: ['1Gbit', '100Mbit'] },
  threads: { value: 'N', help: 'threads', parse: wholeNumber(1, 16), default: '2' },
  limit: { value: 'N', help: 'limit', parse: byteCount('2G', '4K') },
  json: { help: 'JSON' },
} as const satisfies OptionTable;
const IMAGES = { label: 'IMAGE...', min: 1, max: 2 };
const parse = (...argv: string[]) => parseOptions(argv, TABLE, IMAGES);

test('values are converted, and defaults fill in for absent options', () => {
  expect(parse('a', '-o', 'x')).toEqual({
    operands: ['a'],
    values: { output: 'x', link: [1e9, 1e8], threads: 2, limit: undefined, json: false },
  });
  expect(
    parse('--json', '--link=2.5Gbit', '--output', 'x', '--limit', '1M', '--threads', '3', '--', '-a').values,
  ).toEqual({
    output: 'x',
    link: [2.5e9],
    threads: 3,
    limit: 1 << 20,
    json: true,
  });
});

test('several values are an array if the option is repeatable, else an error', () => {
  const { values } = parse('a', '-o', 'x', '--link', '1Mbit', '--link', '2Mbit');
  expect(values).toMatchObject({ output: 'x', link: [1e6, 2e6] });
  expect(() => parse('a', '-o', 'x', '-o', 'y')).toThrow('-o given twice');
});

describe('an error names the option, the value and what is expected', () => {
  test.each<[string[], string]>([
    [['a'], '-o FILE is required'],
    [['-o', 'x'], 'needs IMAGE...'],
    [['a', 'b', 'c d', '-o', 'x'], '"c d": unexpected operand'],
    [['', '-o', 'x'], '"": an empty file name'],
    [['a', '-o', 'x', '--threads', '17'], '--threads 17: not a whole number from 1 to 16'],
    [['a', '-o', 'x', '--threads', ''], '--threads "": not a whole number from 1 to 16'],
    [['a', '-o', 'x', '--limit', '3G'], '--limit 3G: too large; at most 2G'],
    [['a', '-o', 'x', '--limit', '1'], '--limit 1: too small; at least 4K'],
    [['a', '-o', 'x', '--link', 'fast'], '--link fast: not a rate; write 100Mbit, 1Gbit or 10Gbit'],
    [['a', '-o', 'x', '--frob'], '--frob: unknown option'],
    [['a', '-o', 'x', '-x'], '-x: unknown option'],
  ])('%j', (argv, message) => {
    expect(() => parse(...argv)).toThrow(expect.objectContaining({ name: 'UsageError', message }));
  });
});

test('the error of an unknown option has the word and the names that are known', () => {
  expect(() => parse('a', '-o', 'x', '--limt', '1M')).toThrow(
    expect.objectContaining({
      mistyped: { word: '--limt', known: ['--help', '--output', '--link', '--threads', '--limit', '--json'] },
    }),
  );
});
