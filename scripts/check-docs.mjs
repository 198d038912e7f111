// Checks the documents: links lead to files, the README's program runs, and --help has its commands and their
// options.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const problems = [];

const documents = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { encoding: 'utf8' })
  .trim()
  .split('\n');
for (const document of documents.filter((name) => existsSync(name))) {
  const text = readFileSync(document, 'utf8').replace(/```.*?```/gs, '');
  for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g))
    if (!existsSync(join(dirname(document), target))) problems.push(`${document}: there is no ${target}`);
}

const readme = readFileSync('README.md', 'utf8');
const program = /```js\n(.*?)```/s.exec(readme)[1];
const folder = 'build/readme';
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const image = new Uint8Array(1 << 20).map((_, i) => (i % 7919) >>> (i % 13));
writeFileSync(join(folder, 'before.raw'), image);
image.fill(7, 5000, 5100);
writeFileSync(join(folder, 'after.raw'), image);
writeFileSync(
  join(folder, 'readme.mjs'),
  `${program}\nif (!(bytesOut < bytesIn && codecs && images.length === 2)) process.exit(1);\n`,
);
try {
  execFileSync(process.execPath, ['readme.mjs'], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  if (Buffer.compare(readFileSync(join(folder, 'copy-1.raw')), image) !== 0)
    problems.push('README.md: its program lost bytes');
} catch (error) {
  problems.push(`README.md: its program failed: ${error.message}`);
}

const helps = new Map();
const help = (command) => {
  if (!helps.has(command)) {
    const { status, stdout } = spawnSync(process.execPath, ['dist/cli.js', ...command.split(' '), '--help'], {
      encoding: 'utf8',
    });
    helps.set(command, status === 0 ? stdout : undefined);
  }
  return helps.get(command);
};
const commands = [...readme.matchAll(/```(?:text|sh)\n(.*?)```/gs)].map(([, block]) => block).join('');
for (const [, command, rest] of commands.matchAll(/\bpageferry ((?:(?:agent|store) )?[a-z]+)\b([^\n|&]*)/g)) {
  const text = help(command);
  if (text === undefined) problems.push(`README.md: there is no command "pageferry ${command}"`);
  else
    for (const [, option] of rest.matchAll(/\s(--[a-z-]+)/g))
      if (!new RegExp(`${option}\\b`).test(text))
        problems.push(`README.md: ${command} has no option ${option}`);
}

for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
