import { withCheck, withoutCheck } from './record-check.js';

const DECODER = new TextDecoder();

/** Encode `value` as a JSON record called `name`, with its check. */
export function jsonRecord(name: string, value: unknown): Uint8Array {
  return withCheck(name, new TextEncoder().encode(JSON.stringify(value)));
}

/** Parse a JSON record. @throws PageferryError `bad-stream` */
export function readJson<T>(name: string, bytes: Uint8Array | undefined): T | undefined {
  return bytes && JSON.parse(DECODER.decode(withoutCheck(name, bytes)));
}
