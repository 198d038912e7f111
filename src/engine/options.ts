import { badArgument } from '../page/error.js';

/** Default of `maxImageBytes`, the same for encoder and decoder: a decoder accepts what an encoder writes. */
const DEFAULT_MAX_IMAGE_BYTES = 2 ** 44;
/** Largest group of pages that an encoder writes: zstd's largest window that every decoder accepts. */
export const MAX_ENCODED_GROUP_BYTES = 128 << 20;
/**
 * Default of every reader's `maxFrameBytes`: the largest group, and the frame's table. A reader reserves
 * twice that of address space; only the bytes of actual frames take memory.
 */
const DEFAULT_MAX_FRAME_BYTES = MAX_ENCODED_GROUP_BYTES + (4 << 20);

/** Check that an option is within bounds. @throws PageferryError `bad-argument` that names the option */
export function checkRange(name: string, value: number, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw badArgument(`${name}: expected ${min} … ${max}, got ${value}`);
}

/**
 * Check that an option is a whole number within bounds. @throws PageferryError `bad-argument` that names the
 * option
 */
export function checkInteger(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value)) return checkRange(name, value, min, max);
  throw badArgument(`${name}: expected a whole number, got ${value}`);
}

/** Check a reader's `maxFrameBytes`. @throws PageferryError `bad-argument` */
export function checkFrameBytes(maxFrameBytes = DEFAULT_MAX_FRAME_BYTES): number {
  return checkInteger('maxFrameBytes', maxFrameBytes, 0, 2 ** 32 - 1);
}

/** Check a `maxImageBytes`. @throws PageferryError `bad-argument` */
export function checkImageBytes(maxImageBytes = DEFAULT_MAX_IMAGE_BYTES): number {
  return checkInteger('maxImageBytes', maxImageBytes, 0, Number.MAX_SAFE_INTEGER);
}
