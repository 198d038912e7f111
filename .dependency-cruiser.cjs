// Which folder may import which: imports go only upwards in ARCHITECTURE.md's table. A folder not named here
// fails, so that a new one has to be given its place first.
const MAY_IMPORT = {
  page: [],
  kernels: ['page'],
  codec: ['page', 'kernels'],
  dedup: ['page', 'kernels'],
  strategy: ['page', 'codec'],
  stream: ['page', 'codec'],
  engine: ['page', 'kernels', 'codec', 'dedup', 'strategy', 'stream'],
  qemu: ['page'],
  image: ['page', 'kernels', 'codec', 'qemu', 'stream'],
  channel: ['page', 'stream', 'dedup'],
  agent: ['page', 'kernels', 'codec', 'dedup', 'strategy', 'stream', 'engine', 'qemu', 'image', 'channel'],
  simulate: ['page', 'kernels', 'codec', 'dedup', 'strategy', 'stream', 'engine'],
  analyze: ['page', 'kernels', 'codec', 'strategy', 'stream', 'engine'],
  store: ['page', 'kernels', 'codec', 'dedup', 'strategy', 'stream', 'engine', 'image'],
  mount: ['page', 'kernels', 'codec', 'dedup', 'strategy', 'stream', 'engine', 'image', 'channel', 'store'],
  report: ['page', 'codec', 'analyze', 'simulate'],
  cli: [
    ...[
      'page',
      'kernels',
      'codec',
      'dedup',
      'strategy',
      'stream',
      'engine',
      'qemu',
      'image',
      'channel',
      'agent',
    ],
    ...['simulate', 'analyze', 'store', 'mount', 'report'],
  ],
};
const ROOT_FILES = '^src/[^/]+[.]ts$';
/**
 * All that `src/index.ts` reaches. (`scripts/check-browser.mjs` proves the same of the built file, by
 * bundling it.)
 */
const RUNS_IN_A_BROWSER =
  '^src/(kernels|page|codec|dedup|strategy|stream|engine)/|^src/image/(memory|wasm)[.]ts$|^src/index[.]ts$';

const folderRules = Object.entries(MAY_IMPORT).map(([folder, others]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import: ${others.join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: '^(src|assembly|test|testing|bench|examples)/',
    pathNot: `^src/(${[folder, ...others].join('|')})/|^src/version[.]ts$`,
  },
}));

// Which part of src/engine may import which. Beside the parts: options.ts and life-cycle.ts, which every part
// may import, and streams.ts, which imports every part.
const ENGINE_MAY_IMPORT = {
  unpack: [],
  'page-frames': [],
  threads: ['unpack', 'page-frames'],
  pack: ['threads'],
  frame: ['threads', 'pack'],
  encode: ['threads', 'pack', 'frame'],
  decode: ['unpack', 'threads', 'frame'],
  'page-reader': ['unpack', 'frame', 'decode'],
  live: ['unpack', 'threads', 'pack', 'frame', 'decode'],
};
const engineRules = partRules('engine', ENGINE_MAY_IMPORT, '(options|life-cycle)');

// Which part of src/agent may import which. Its files beside the parts may be imported by every part.
const AGENT_MAY_IMPORT = {
  flow: [],
  multifd: ['flow'],
  qmp: [],
  forecast: ['qmp'],
  advise: ['qmp', 'forecast'],
  measure: ['qmp', 'advise'],
  check: ['qmp', 'advise', 'measure'],
  direct: ['qmp', 'forecast', 'advise', 'measure', 'check'],
  source: ['flow', 'multifd', 'qmp', 'forecast', 'check', 'direct'],
  destination: ['flow', 'multifd', 'measure', 'check', 'direct'],
  guest: ['flow'],
  'warm-up': ['flow', 'multifd', 'source', 'destination'],
};
const agentRules = partRules('agent', AGENT_MAY_IMPORT, '[^/]+');

/** Rules for the parts of a folder. `shared`: its files beside the parts that every part may import. */
function partRules(folder, mayImport, shared) {
  return Object.entries(mayImport).map(([part, others]) => ({
    name: `${folder}-${part}-imports`,
    comment: `src/${folder}/${part} may import of src/${folder}: ${others.join(', ') || 'nothing'}`,
    severity: 'error',
    from: { path: `^src/${folder}/${part}/` },
    to: {
      path: `^src/${folder}/`,
      pathNot: `^src/${folder}/(${[part, ...others].join('|')})/|^src/${folder}/${shared}[.]ts$`,
    },
  }));
}

module.exports = {
  forbidden: [
    ...folderRules,
    ...engineRules,
    ...agentRules,
    {
      name: 'known-engine-parts',
      comment: 'a new folder under src/engine has to be added to ENGINE_MAY_IMPORT first',
      severity: 'error',
      from: {
        path: '^src/engine/',
        pathNot: `^src/engine/[^/]+[.]ts$|^src/engine/(${Object.keys(ENGINE_MAY_IMPORT).join('|')})/`,
      },
      to: {},
    },
    {
      name: 'known-agent-parts',
      comment: 'a new folder under src/agent has to be added to AGENT_MAY_IMPORT first',
      severity: 'error',
      from: {
        path: '^src/agent/',
        pathNot: `^src/agent/[^/]+[.]ts$|^src/agent/(${Object.keys(AGENT_MAY_IMPORT).join('|')})/`,
      },
      to: {},
    },
    {
      name: 'agent-root-imports',
      comment: 'files of src/agent beside its parts import no part',
      severity: 'error',
      from: { path: '^src/agent/[^/]+[.]ts$' },
      to: { path: '^src/agent/[^/]+/' },
    },
    {
      name: 'known-folders',
      comment: 'a new folder under src has to be given its place in the table first',
      severity: 'error',
      from: { path: '^src/', pathNot: `${ROOT_FILES}|^src/(${Object.keys(MAY_IMPORT).join('|')})/` },
      to: {},
    },
    {
      name: 'runs-in-a-browser',
      comment: 'Node’s modules are asked for at run time there (nodeModule); only their types are imported',
      severity: 'error',
      // A script of its own, which only runs where worker threads are.
      from: { path: RUNS_IN_A_BROWSER, pathNot: '^src/engine/threads/worker[.]ts$' },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'assembly-alone',
      comment: 'kernels import only kernels',
      severity: 'error',
      from: { path: '^assembly/' },
      to: { pathNot: '^assembly/' },
    },
    {
      name: 'src-alone',
      comment: 'the package does not import its tests, benches or examples',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|testing|bench|examples|scripts)/' },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared',
      comment: 'what the package imports is in package.json',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|build)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
