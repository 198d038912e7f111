import { resolve } from 'node:path';
import { type Address, addressText } from '../../channel/transports/address.js';

/** An address as QEMU's commands take it. A path is absolute: QEMU's working directory is another one. */
export function qemuUri(address: Address): string {
  return 'path' in address ? `unix:${resolve(address.path)}` : `tcp:${addressText(address)}`;
}
