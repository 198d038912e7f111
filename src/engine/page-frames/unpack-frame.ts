import { unpackZstd } from '../../codec/zstd/segment.js';
import type { Kernels } from '../../kernels/kernels.js';
import { statusText } from '../../kernels/status.js';
import { PageferryError } from '../../page/error.js';
import type { ErrorName } from '../../stream/wire.js';
import { FRAME_PACKING, type FrameShape, MAX_FRAME_TABLE_BYTES, SlotTable } from './format.js';

/** A frame's payload in the kernels' memory, and its shape. */
export interface FramePayload extends FrameShape {
  readonly address: number;
  readonly bytes: number;
}

/**
 * Unpack a frame's content to `out`, which has `capacity` bytes, and return its slot table. `scratch`:
 * scratch of the zstd decoder. `label`: the frame's name in errors. `slots`: a table to reuse. The input is
 * untrusted.
 * @throws PageferryError `bad-stream`
 */
export function unpackFrame(
  kernels: Kernels,
  scratch: number,
  payload: FramePayload,
  out: number,
  capacity: number,
  pageBytes: number,
  label: ErrorName,
  slots = new SlotTable(),
): SlotTable {
  const { address, bytes, tableBytes, contentBytes, packing } = payload;
  if (tableBytes > Math.min(bytes, MAX_FRAME_TABLE_BYTES))
    throw bad(label, `a table of ${tableBytes} bytes in a payload of ${bytes}`);
  if (contentBytes > capacity)
    throw bad(label, `a content of ${contentBytes} bytes, at most ${capacity} expected`);
  slots.parse(kernels.bytes.subarray(address, address + tableBytes), payload, pageBytes, label);
  const data = address + tableBytes;
  const dataBytes = bytes - tableBytes;
  if (packing === FRAME_PACKING.ZSTD) {
    const count = unpackZstd(kernels, scratch, data, dataBytes, out, contentBytes);
    if (count < 0) throw bad(label, `its zstd frame ${statusText(count)}`);
  } else if (packing === FRAME_PACKING.RAW && dataBytes === contentBytes)
    kernels.run.copyBytes(out, data, contentBytes);
  else throw bad(label, `packing ${packing} with ${dataBytes} bytes of data for ${contentBytes}`);
  return slots;
}

function bad(label: ErrorName, found: string): PageferryError {
  return new PageferryError('bad-stream', `${label}: ${found}`);
}
