// Facts of a pair of QEMUs, measured, with fixed numbers in place of those that depend on the machine's load.
import { RECORDED_CORE_BYTES_PER_MS } from '../../src/agent/advise/modes.js';
import { type MeasurePair, measurePair } from '../../src/agent/direct/advisor.js';

/** A link at which only the hosts limit a migration. */
export const FAST_LINK = 1e10;

/** A measurement that returns this link rate, the recorded speed of a core, and a dirty rate of 8 MB/s. */
export const measureAt =
  (bitsPerSecond: number): MeasurePair =>
  async (...parts) => {
    const { channel, packing, guest, destination } = await measurePair(...parts);
    return {
      destination,
      channel: { ...channel, bitsPerSecond },
      packing: { ...packing, coreBytesPerMs: RECORDED_CORE_BYTES_PER_MS },
      guest: { ...guest, dirty: { ms: 1000, pages: 2000 }, busyCores: 0 },
    };
  };
