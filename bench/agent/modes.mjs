// Busy guests, and the modes that migrate them.

/** Workloads: program, operations per second, share of guest memory that it uses. */
export const GUESTS = {
  idle: { work: 'idle', rate: 0, share: 0.4 },
  store: { work: 'store', rate: 3000, share: 0.5 },
  database: { work: 'database', rate: 4000, share: 0.5 },
  compiler: { work: 'compiler', rate: 400, share: 0.4 },
  heap: { work: 'heap', rate: 6000, share: 0.5 },
  words: { work: 'words', rate: 8000, share: 0.3 },
};

/**
 * `between`: processes that carry QEMU's stream, or decide that it migrates directly (`isDirect`);
 * `hasMonitor`: the agents use QEMU's monitor; `isStarted`: "agent migrate" measures the guest, then starts
 * QEMU's migration; `both`: parameters of both QEMUs.
 */
export const MODES = {
  plain: {},
  'plain, relay': { between: 'relay' },
  xbzrle: {
    capabilities: ['xbzrle'],
    parameters: (bytes) => ({ 'xbzrle-cache-size': 2 ** Math.floor(Math.log2(bytes)) }),
  },
  multifd: { capabilities: ['multifd'] },
  'multifd-zlib': { capabilities: ['multifd'], both: { 'multifd-compression': 'zlib' } },
  'multifd-zstd': { capabilities: ['multifd'], both: { 'multifd-compression': 'zstd' } },
  postcopy: { capabilities: ['postcopy-ram'], isPostcopy: true },
  agent: { capabilities: ['return-path'], between: 'agent' },
  'agent, multifd': { capabilities: ['return-path', 'multifd'], between: 'agent' },
  'agent, direct': { capabilities: ['return-path'], between: 'agent', isDirect: true, hasMonitor: true },
  'agent migrate, direct': { between: 'agent', isDirect: true, hasMonitor: true, isStarted: true },
  'agent, forecast': { capabilities: ['return-path'], between: 'agent', hasMonitor: true },
  'agent, base': { capabilities: ['return-path'], between: 'agent', hasBase: true },
};

/** Modes of a whole table; the others are measured where they are named. */
export const USUAL_MODES = [
  'plain',
  'plain, relay',
  'multifd',
  'multifd-zstd',
  'postcopy',
  'agent',
  'agent, multifd',
  'agent, direct',
  'agent migrate, direct',
];
