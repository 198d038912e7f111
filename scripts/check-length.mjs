// Files stay short enough to be read in one go: at most 300 lines. Split by idea, not by length.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const MAX_LINES = 300;
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts', '*.mjs', '*.cjs'], {
  encoding: 'utf8',
});
let failures = 0;
for (const file of files.split('\n').filter((name) => name !== '' && existsSync(name))) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').length;
  if (lines <= MAX_LINES) continue;
  process.stderr.write(`${file}: ${lines} lines, at most ${MAX_LINES}\n`);
  failures++;
}
if (failures > 0) process.exitCode = 1;
