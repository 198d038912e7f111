// Fails where a file that package.json exports is missing, such as the declarations, which only
// `npm run build` makes: a package without them would have no types.
import { existsSync, readFileSync } from 'node:fs';

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const missing = filesOf(exports).filter((file) => !existsSync(file));
if (missing.length > 0) {
  console.error(`missing: ${missing.join(', ')}; run npm run build first`);
  process.exitCode = 1;
}

function filesOf(value) {
  return typeof value === 'string' ? [value] : Object.values(value).flatMap(filesOf);
}
