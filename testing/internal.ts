// Entry for benches and scripts: internals of the package, as it is built, that its public entries do not export, and the test
// harnesses that are not test files. `npm run build:internal` bundles it into build/internal.mjs.
export { readLink, parseRate } from '../src/cli/args.js';
