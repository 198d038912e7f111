// Writes what the programs really print into the README: `npm run readme`, on a machine with nothing else
// to do.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const IMAGES = 'build/shop';
/** What the README calls `pageferry`, run from the clone. Words in the order of the command line. */
const TOUR = [
  `pack ${IMAGES}/*.raw -o shop.pfy --link 100Mbit`,
  'verify shop.pfy',
  `unpack shop.pfy --image 3 -o again.raw && cmp again.raw ${IMAGES}/003.raw`,
  `analyze ${IMAGES}/001.raw ${IMAGES}/002.raw`,
];
const MADE = ['shop.pfy', 'again.raw'];

function shell(command) {
  return execFileSync('sh', ['-c', command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trimEnd();
}

/** Puts `text` between the two markers of that name. */
function fill(readme, name, text) {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = readme.indexOf(start) + start.length;
  return `${readme.slice(0, from)}\n\n\`\`\`text\n${text}\n\`\`\`\n\n${readme.slice(readme.indexOf(end))}`;
}

rmSync(IMAGES, { recursive: true, force: true });
const [table] = shell(`node examples/sql-rounds.mjs ${IMAGES}`).split('\n\nSaved as');
const tour = TOUR.map((command) => `$ pageferry ${command}\n${shell(`node dist/cli.js ${command}`)}`);
for (const file of MADE) rmSync(file);
const asked = `tradeoff ${IMAGES}`;
// Its advice; the table stays out.
const [advice] = shell(`node dist/cli.js ${asked}`).split('\n\n');
const filled = fill(fill(readFileSync('README.md', 'utf8'), 'npm start', table), 'tour', tour.join('\n\n'));
writeFileSync('README.md', fill(filled, 'tradeoff', `$ pageferry ${asked}\n${advice}`));
