// `npm ci` must work on any machine with any registry. npm can write a lock that it rejects later: it
// silently omits packages of other platforms that the registry lacks. So every optional dependency of every
// entry must be in the lock, and no entry may name a registry.
import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8');
const { packages } = JSON.parse(text);
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const problems = [];

/** Search like Node: in the entry's node_modules, then in those of every folder above. */
function isLocked(from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]) return true;
    if (folder === '') return false;
  }
}

for (const [path, entry] of Object.entries(packages)) {
  for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }))
    if (!isLocked(path, name)) problems.push(`${path || 'package.json'}: ${name} is not in the lock`);
  if (entry.resolved !== undefined && !entry.link)
    problems.push(`${path}: has a resolved URL, ${entry.resolved}`);
  if (path !== '' && entry.integrity === undefined && !entry.link && !entry.inBundle)
    problems.push(`${path}: has no integrity`);
}
const hosts = [...text.matchAll(/https?:\/\/[^/"\s]*(?:registry|npmjs|mirror|proxy)[^/"\s]*/g)].map(
  ([host]) => host,
);
for (const host of new Set(hosts)) problems.push(`names a registry: ${host}`);
for (const field of ['name', 'version', 'dependencies', 'devDependencies', 'optionalDependencies', 'engines'])
  if (JSON.stringify(sorted(manifest[field])) !== JSON.stringify(sorted(packages[''][field])))
    problems.push(`package.json: ${field} differs from the lock`);

for (const problem of problems) process.stderr.write(`package-lock.json: ${problem}\n`);
if (problems.length > 0) process.exitCode = 1;

function sorted(value) {
  return value !== null && typeof value === 'object'
    ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    : value;
}
