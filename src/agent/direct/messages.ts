// Bodies of the frames CHECK and CHECK_ANSWER for a direct migration. JSON, since QEMU's settings are.
//
//   CHECK, QEMU             kind u8
//   CHECK_ANSWER, QEMU      kind u8 | { version, capabilities, compressions, hasTls } or { error }
//   CHECK, PREPARE          kind u8 | { session (id of the destination, hex), capabilities, parameters }
//   CHECK_ANSWER, PREPARE   kind u8 | { address } or { error }
//   CHECK, RESULT           kind u8
//   CHECK_ANSWER, RESULT    kind u8 | { status, error }

import { PageferryError } from '../../page/error.js';
import { printable } from '../printable.js';
import type { QemuSupport } from '../qmp/reports.js';
import type { MigrationSettings } from '../qmp/settings.js';

/** Content of a CHECK frame, beside those of `pageferry agent check`. */
export const DIRECT_KIND = { QEMU: 16, PREPARE: 17, RESULT: 18 } as const;

/** The destination's QEMU. */
export interface DestinationQemu extends QemuSupport {
  readonly hasTls: boolean;
}

/** State of the incoming migration at the destination. */
export interface IncomingResult {
  readonly status: 'active' | 'completed' | 'failed';
  readonly error?: string | undefined;
}

/** Settings that a source may change at the destination: those in which both QEMUs have to agree. */
const CAPABILITIES: ReadonlySet<string> = new Set(['multifd', 'postcopy-ram', 'return-path', 'xbzrle']);
const PARAMETERS: ReadonlySet<string> = new Set([
  ...['multifd-channels', 'multifd-compression', 'multifd-zstd-level'],
]);
const MAX_NAMES = 100;
const MAX_TEXT_CHARACTERS = 1000;
/** QEMU's other addresses (exec:, file:, fd:) would let a destination run programs at the source. */
const SOCKET_ADDRESS = /^(?:tcp:(?:\[[\da-f:.]+(?:%\w+)?\]|[\w.-]+):\d{1,5}|unix:\/[^,]+)$/i;

/** Return a body of a kind. */
export function jsonBody(kind: number, content?: object): Uint8Array {
  return Buffer.concat([Uint8Array.of(kind), Buffer.from(content ? JSON.stringify(content) : '')]);
}

/** Read a body of a kind. @throws PageferryError `bad-stream`; `io` with the peer's reason */
export function readJsonBody(body: Uint8Array, kind: number, peer: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = body[0] === kind ? JSON.parse(Buffer.from(body.subarray(1)).toString()) : undefined;
  } catch {}
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new PageferryError('bad-stream', `${peer}: a direct migration: content of kind ${body[0]} is none`);
  const { error, status } = content as Record<string, unknown>;
  if (typeof error === 'string' && status === undefined)
    throw new PageferryError('io', `${peer}: ${printable(error, MAX_TEXT_CHARACTERS)}`);
  return content as Record<string, unknown>;
}

/** Read the answer to QEMU. @throws as `readJsonBody` */
export function readQemu(body: Uint8Array, peer: string): DestinationQemu {
  const { version, capabilities, compressions, hasTls } = readJsonBody(body, DIRECT_KIND.QEMU, peer);
  return {
    version: printable(String(version), MAX_TEXT_CHARACTERS),
    ...{ capabilities: namesOf(capabilities), compressions: namesOf(compressions), hasTls: hasTls === true },
  };
}

/** Return the part of the settings that concerns both QEMUs. */
export function sharedSettings({ capabilities, parameters }: MigrationSettings): MigrationSettings {
  const shared = <T>(values: Readonly<Record<string, T>>, names: ReadonlySet<string>) =>
    Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)));
  return {
    capabilities: shared(capabilities, CAPABILITIES),
    parameters: shared(parameters, PARAMETERS),
  };
}

/** Read settings; others than the shared ones are dropped. @throws PageferryError `bad-stream` */
export function readSettings(body: Uint8Array, peer: string): MigrationSettings {
  const { capabilities, parameters } = readJsonBody(body, DIRECT_KIND.PREPARE, peer);
  const entries = (values: unknown) => Object.entries((values ?? {}) as Record<string, unknown>);
  return sharedSettings({
    capabilities: Object.fromEntries(
      entries(capabilities).filter((entry): entry is [string, boolean] => typeof entry[1] === 'boolean'),
    ),
    parameters: Object.fromEntries(
      entries(parameters).filter((entry): entry is [string, number | string] =>
        ['number', 'string'].includes(typeof entry[1]),
      ),
    ),
  });
}

/** Read the answer to PREPARE: the URI at which QEMU listens. @throws as `readJsonBody` */
export function readAddress(body: Uint8Array, peer: string): string {
  const { address } = readJsonBody(body, DIRECT_KIND.PREPARE, peer);
  if (typeof address === 'string' && SOCKET_ADDRESS.test(address))
    return printable(address, MAX_TEXT_CHARACTERS);
  const found =
    address === undefined ? 'no address' : `the address ${printable(String(address), MAX_TEXT_CHARACTERS)}`;
  throw new PageferryError(
    'bad-stream',
    `${peer}: a direct migration: ${found}, not tcp:HOST:PORT or unix:PATH`,
  );
}

/** Read the answer to RESULT. @throws as `readJsonBody` */
export function readResult(body: Uint8Array, peer: string): IncomingResult {
  const { status, error } = readJsonBody(body, DIRECT_KIND.RESULT, peer);
  if (status !== 'active' && status !== 'completed' && status !== 'failed')
    throw new PageferryError('bad-stream', `${peer}: a direct migration: a result without a status`);
  return { status, error: typeof error === 'string' ? printable(error, MAX_TEXT_CHARACTERS) : undefined };
}

function namesOf(value: unknown): ReadonlySet<string> {
  return new Set((Array.isArray(value) ? value : []).slice(0, MAX_NAMES).map(String));
}
