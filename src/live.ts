// Public entry `pageferry/live`: encode and decode the pages of a running guest. Runs in a browser.

export type { BasePages, CacheStats } from './dedup/remote-page-cache.js';
export type { CodecCount, CodecCounts } from './engine/frame/counters.js';
export { createPageReceiver } from './engine/live/create-page-receiver.js';
export { createPageSender } from './engine/live/create-page-sender.js';
export type { GuestMemory, PageReceiver, PageReceiverOptions } from './engine/live/page-receiver.js';
export {
  type Batch,
  BYPASSED_PAGE,
  BYPASSED_UNCHANGED,
  DEDUP_LEVELS,
  type DedupLevel,
  type PackedBatch,
  type PageSender,
  type PageSenderOptions,
} from './engine/live/page-sender.js';
export { type DecodeCosts, destinationSpeed, type StepCost } from './engine/threads/decode-meter.js';
export { type ErrorCode, PageferryError } from './page/error.js';
export type { DestinationSpeed } from './strategy/destination.js';
export type * from './strategy/strategy.js';
export type { PageBytes } from './stream/format.js';
