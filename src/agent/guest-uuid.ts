import type { Address } from '../channel/transports/address.js';
import { badArgument } from '../page/error.js';
import { Configuration } from '../qemu/configuration.js';
import { QEMU_MAGIC } from '../qemu/format.js';

/** Bytes before the configuration: magic, version. */
const HEADER_BYTES = 8;
/** A channel of multifd begins with magic u32, version u32, UUID. */
const MULTIFD_UUID_AT = 8;
const PLACEHOLDER = '{uuid}';
export const UUID_BYTES = 16;
export const MULTIFD_HEAD_BYTES = MULTIFD_UUID_AT + UUID_BYTES;

/** Return 16 bytes as `01234567-89ab-cdef-0123-456789abcdef`; undefined for zeros: the guest has no UUID. */
export function uuidText(bytes: Uint8Array): string | undefined {
  if (bytes.every((byte) => byte === 0)) return undefined;
  const text = Buffer.from(bytes).toString('hex');
  return [0, 8, 12, 16, 20].map((at, i, starts) => text.slice(at, starts[i + 1] ?? 32)).join('-');
}

/** Return the UUID that the head of QEMU's main stream states, where validate-uuid is set. */
export function uuidOfStream(head: Uint8Array): string | undefined {
  if (head.length < HEADER_BYTES || Buffer.from(head).readUInt32BE(0) !== QEMU_MAGIC) return undefined;
  const configuration = new Configuration();
  for (let at = HEADER_BYTES; !configuration.uuid; ) {
    const result = configuration.parse(head, at, head.length);
    if (!('consumed' in result)) return undefined;
    at += result.consumed;
  }
  return uuidText(configuration.uuid);
}

/** Return the UUID in the first bytes of a multifd channel. */
export function uuidOfMultifd(head: Uint8Array): string | undefined {
  return uuidText(head.subarray(MULTIFD_UUID_AT, MULTIFD_HEAD_BYTES));
}

/** Return the address with the guest's UUID in place of `{uuid}`. @throws PageferryError where it has none */
export function qemuAddress(address: Address, uuid: string | undefined): Address {
  if (!('path' in address) || !address.path.includes(PLACEHOLDER)) return address;
  if (uuid !== undefined) return { path: address.path.replaceAll(PLACEHOLDER, uuid) };
  throw badArgument(
    `--connect unix:${address.path}: the stream does not state the guest's UUID; give QEMU -uuid and set the capability validate-uuid`,
  );
}
