// The one entry through which benches and scripts reach internals: parts of the package that its public
// entries do not export, and the harnesses that tests share. scripts/build-internal.mjs bundles it into
// build/internal.mjs.
export { IS_ON_DESTINATION } from '../src/agent/guest-state.js';
export { pipelinedTime } from '../src/analyze/tradeoff/model.js';
export { bitRate, strategy } from '../src/cli/values.js';
export { createCodecContext } from '../src/codec/codec.js';
export { packedLz4Capacity, packLz4 } from '../src/codec/lz4.js';
export { PageIndex } from '../src/dedup/page-index.js';
export { Arena } from '../src/kernels/arena.js';
export { kernelModule } from '../src/kernels/kernels.js';
export { LAYOUT, ZSTD_LAYOUT } from '../src/kernels/layout.generated.js';
export {
  report as fuzzReport,
  runShard as runFuzzShard,
  summed as sumFuzzShards,
} from '../test/hostile/shard.js';
export { Client as NbdClient } from '../test/mount/nbd/client.js';
export { streamFixtures } from '../test/support/stream-fixtures.js';
export { DelayRelay } from './delay-relay.js';
export { mountSkipReason, startMount } from './mounts.js';
export { captureAll } from './qemu/capture.js';
export { makeTemplate, startClone } from './qemu/clones.js';
export { craftedHead, craftedRound, craftedSection } from './qemu/crafted-guest.js';
export {
  buildGuest,
  buildProgram,
  checkerReport,
  GUEST_WORKLOAD,
  linuxSkipReason,
  waitForChecks,
} from './qemu/linux.js';
export { startMachine } from './qemu/machine.js';
export {
  ADDRESSES,
  closeNamespaces,
  cpuSeconds,
  namespacePrefix,
  namespacesSkipReason,
  openNamespaces,
  sentBytes,
} from './qemu/namespaces.js';
export { pagesOfStream } from './qemu/stream-pages.js';
export { newerQemu, newerQemuSkipReason, qemuVersion } from './qemu/versions.js';
export { createZstdKernels } from './zstd-kernels.js';
