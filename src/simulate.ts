export type { CodecName, PackingName } from './codec/registry.js';
export type { DedupLevel } from './engine/live/page-sender.js';
export { PageBitmap } from './page/bitmap.js';
export { type Costs, MEASURED_COSTS } from './simulate/costs.js';
export type { Content } from './simulate/guest/content.js';
export { type Program, type ProgramOptions, programGuest } from './simulate/guest/program.js';
export { type SyntheticOptions, syntheticGuest } from './simulate/guest/synthetic.js';
export { type Snapshot, type TraceOptions, traceGuest } from './simulate/guest/trace.js';
export { wasmProgramGuest } from './simulate/guest/wasm-program.js';
export type { WriterOptions } from './simulate/guest/writer.js';
export type { Access, Guest, GuestSpec } from './simulate/guest.js';
export type { LinkSpec, SimulatedLink } from './simulate/link.js';
export { measureCosts } from './simulate/measure-costs.js';
export type { Migration } from './simulate/migration.js';
export type { Coding } from './simulate/page-transfer.js';
export { type PostCopyRules, runPostCopy } from './simulate/post-copy.js';
export { type PreCopyRules, runFinalRound, runPreCopy, runRounds } from './simulate/pre-copy.js';
export type { HostSpec, MigrationSettings, Round } from './simulate/settings.js';
export { type SimulationResult, simulate } from './simulate/simulate.js';
export type { SimulationOptions } from './simulate/simulation-options.js';
export { TECHNIQUES, techniqueByName } from './simulate/technique/registry.js';
export type { Technique } from './simulate/technique.js';
export type {
  Choice,
  GroupView,
  Packing,
  PackingResult,
  PageProfile,
  PageView,
  Strategy,
  StreamState,
} from './strategy/strategy.js';
export type { PageBytes } from './stream/format.js';
