// Updates the generated parts of the README with real output: `npm run readme`, on an idle machine.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const IMAGES = 'build/shop';
/** Commands of the tour, in the order in which they run. */
const TOUR = [
  `pack ${IMAGES}/*.raw -o shop.pfy --link 100Mbit`,
  'verify shop.pfy',
  `unpack shop.pfy --image 3 -o again.raw && cmp again.raw ${IMAGES}/003.raw`,
  `analyze ${IMAGES}/001.raw ${IMAGES}/002.raw`,
];
const OUTPUTS = ['shop.pfy', 'again.raw'];

function shell(command) {
  return execFileSync('sh', ['-c', command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trimEnd();
}

/** Replace the text between the two markers of that name. */
function fill(readme, name, text) {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = readme.indexOf(start) + start.length;
  return `${readme.slice(0, from)}\n\n\`\`\`text\n${text}\n\`\`\`\n\n${readme.slice(readme.indexOf(end))}`;
}

rmSync(IMAGES, { recursive: true, force: true });
const [table] = shell(`node examples/sql-rounds.mjs ${IMAGES}`).split('\n\nSaved as');
const tour = TOUR.map((command) => `$ pageferry ${command}\n${shell(`node dist/cli.js ${command}`)}`);
for (const file of OUTPUTS) rmSync(file);
const tradeoff = `tradeoff ${IMAGES}`;
// The first paragraph: the recommendation, without the table.
const [advice] = shell(`node dist/cli.js ${tradeoff}`).split('\n\n');
const filled = fill(fill(readFileSync('README.md', 'utf8'), 'npm start', table), 'tour', tour.join('\n\n'));
writeFileSync('README.md', fill(filled, 'tradeoff', `$ pageferry ${tradeoff}\n${advice}`));
