// Files stay short enough to read in one go, and comments within the width of the code: the formatter does
// not wrap comments.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const MAX_LINES = 300;
const MAX_COLUMNS = 110;
/**
 * A line of a block comment, or a line comment, alone or after code; `//` in a URL or a string does not begin
 * one.
 */
const COMMENT = /^\s*(?:\/\/|\/?\*)|[;{}),] \/\/ |^\s*# /;

const patterns = ['*.ts', '*.mjs', '*.cjs', '*.c', '*.h', '.ci/run'];
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...patterns], {
  encoding: 'utf8',
});
const problems = [];
for (const file of files.split('\n').filter((name) => name !== '' && existsSync(name))) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  if (lines.length > MAX_LINES && /\.[cm]?[tj]s$/.test(file))
    problems.push(`${file}: ${lines.length} lines, at most ${MAX_LINES}`);
  for (const [i, line] of lines.entries())
    if (line.length > MAX_COLUMNS && COMMENT.test(line))
      problems.push(`${file}:${i + 1}: a comment of ${line.length} columns, at most ${MAX_COLUMNS}`);
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
