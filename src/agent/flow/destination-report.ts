import type { FrameChannel } from '../../channel/frame-channel.js';
import { type DecodeCosts, destinationSpeed } from '../../engine/threads/decode-meter.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import { WireReader, WireWriter } from '../../stream/wire.js';

// A report, the body of a KEEPALIVE frame of the destination: ns per KiB u32, of pages, and of segments that
// are stored, packed by LZ4 and packed by zstd; 0xffffffff: not known yet. What follows is for later
// versions. Hosts that know no reports ignore the bodies of KEEPALIVE frames.

const REPORT_BYTES = 16;
const UNKNOWN = 0xffffffff;
const NAMES = ['raw', 'lz4', 'zstd'] as const;
/** Costs are reported this often, and not for fewer bytes of pages: the figures would be noise. */
const INTERVAL_MS = 100;
const MIN_BYTES = 256 << 10;

export function reportBytes({ nsPerPageByte, unpackNsPerByte }: DestinationSpeed): Uint8Array {
  const to = new WireWriter();
  for (const ns of [nsPerPageByte, ...NAMES.map((name) => unpackNsPerByte[name])])
    to.u32(ns === undefined ? UNKNOWN : Math.min(UNKNOWN - 1, Math.round(1024 * ns)));
  return to.bytes;
}

/** Read a report; undefined for a body that is none. */
export function readReport(body: Uint8Array): DestinationSpeed | undefined {
  if (body.length < REPORT_BYTES) return undefined;
  const from = new WireReader(body, 'report');
  const pages = from.u32();
  if (pages === UNKNOWN) return undefined;
  const unpackNsPerByte: { raw?: number; lz4?: number; zstd?: number } = {};
  for (const name of NAMES) {
    const ns = from.u32();
    if (ns !== UNKNOWN) unpackNsPerByte[name] = ns / 1024;
  }
  return { nsPerPageByte: pages / 1024, unpackNsPerByte };
}

/** Reports to the source what a byte costs this destination, from the costs since the last report. */
export class DestinationReporter {
  private before: DecodeCosts | undefined;
  private reportedAtMs = performance.now();

  constructor(
    private readonly channel: FrameChannel,
    private readonly costs: () => DecodeCosts,
  ) {}

  /** Report, where it is time. Called after every frame. */
  report(): void {
    const nowMs = performance.now();
    if (nowMs - this.reportedAtMs < INTERVAL_MS) return;
    const { before } = this;
    const costs = this.costs();
    if (costs.pages.bytes - (before?.pages.bytes ?? 0) < MIN_BYTES) return;
    this.reportedAtMs = nowMs;
    this.before = costs;
    this.channel.report(reportBytes(destinationSpeed(costs, before)!));
  }
}
