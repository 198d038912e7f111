import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { FrameCipher } from '../encryption/frame-cipher.js';
import {
  type Checks,
  FRAME_CHECK_OFFSET,
  FRAME_HEAD_BYTES,
  type FrameHead,
  MAX_PAYLOAD_BYTES,
  readFrameHead,
} from '../format.js';
import type { FramePlace } from '../frame-record.js';
import type { PackFiles } from '../pack-files.js';
import { frameName } from './frame-reader.js';

/** Reads single frames, without unpacking them, to an address of the caller. */
export class SingleFrameReader {
  /** Head of the frame that was read last, FRAME_HEAD_BYTES bytes. */
  readonly head = new Uint8Array(FRAME_HEAD_BYTES);

  constructor(
    private readonly kernels: Kernels,
    private readonly checks: Checks,
  ) {}

  /**
   * Read the payload of a frame to `address` of the kernels' memory, which has space for MAX_PAYLOAD_BYTES or
   * for the bytes that `place` states, and its head to `head`; verify both. Return the fields of the head.
   * @throws PageferryError `bad-stream` that names the frame, `io`
   */
  read(packs: PackFiles, id: number, place: FramePlace, address: number): FrameHead {
    const { head, kernels, checks } = this;
    const bad = (found: string) => new PageferryError('bad-stream', `${frameName(id, place)}: ${found}`);
    const { pack, offset, bytes } = place;
    const payloadBytes = bytes - FRAME_HEAD_BYTES;
    if (payloadBytes <= 0 || payloadBytes > MAX_PAYLOAD_BYTES) throw bad(`a record of ${bytes} bytes`);
    packs.read(pack, offset, head, 0, FRAME_HEAD_BYTES);
    packs.read(pack, offset + FRAME_HEAD_BYTES, kernels.bytes, address, payloadBytes);
    const fields = readFrameHead(head);
    if (fields?.id !== id || fields.payloadBytes !== payloadBytes) throw bad('its head is damaged');
    if (!checks.verifyFrame(head, address, payloadBytes)) throw bad('its check differs');
    return fields;
  }

  /**
   * Decrypt in place the payload of `bytes` bytes that was read last to `address`; return its bytes.
   * @throws PageferryError `bad-stream`
   */
  decrypt(cipher: FrameCipher, address: number, bytes: number): number {
    const memory = this.kernels.bytes;
    const encrypted = memory.subarray(address, address + bytes);
    const payload = cipher.decrypt(this.head.subarray(0, FRAME_CHECK_OFFSET), encrypted);
    if (payload !== encrypted) memory.set(payload, address);
    return payload.length;
  }
}
