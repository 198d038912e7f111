import {
  COMMANDS,
  latin1,
  MULTIFD_MAGIC,
  QEMU_MAGIC,
  QEMU_VERSION,
  RAM_NAME,
  RAM_VERSION,
  sectionType,
  u16,
  u32,
} from './format.js';

/** A unit that was read: so many bytes were taken, so many are needed to tell, it is none of these (`done`), or not understood. */
export type Unit =
  | { readonly taken: number }
  | { readonly need: number }
  | { readonly done: true }
  | { readonly reason: string };

const PART_HEAD_BYTES = 5;

export function magicUnit(bytes: Uint8Array, at: number, end: number): Unit {
  if (end - at < 4) return { need: 4 };
  const magic = u32(bytes, at);
  if (magic === MULTIFD_MAGIC) return { reason: 'a channel of multifd' };
  if (magic !== QEMU_MAGIC)
    return { reason: `it begins with 0x${magic.toString(16).padStart(8, '0')}, not "QEVM"` };
  if (end - at < 8) return { need: 8 };
  const version = u32(bytes, at + 4);
  return version === QEMU_VERSION ? { taken: 8 } : { reason: `version ${version} of the stream's format` };
}

/** The head of SECTION_START, which has to be RAM's; its section's number is the u32 behind the first byte. */
export function startUnit(bytes: Uint8Array, at: number, end: number): Unit {
  if (end - at < 6) return { need: 6 };
  const head = 6 + bytes[at + 5]! + 8;
  if (end - at < head) return { need: head };
  const name = latin1(bytes, at + 6, at + head - 8);
  if (name !== RAM_NAME) return { reason: `another live section, "${name}"` };
  const [instance, version] = [u32(bytes, at + head - 8), u32(bytes, at + head - 4)];
  return instance === 0 && version === RAM_VERSION
    ? { taken: head }
    : { reason: `RAM of instance ${instance}, version ${version}` };
}

/** The head of SECTION_PART or SECTION_END, which has to be section `ramId`. */
export function partUnit(bytes: Uint8Array, at: number, end: number, ramId: number): Unit {
  if (end - at < PART_HEAD_BYTES) return { need: PART_HEAD_BYTES };
  const id = u32(bytes, at + 1);
  return id === ramId
    ? { taken: PART_HEAD_BYTES }
    : { reason: `a part of section ${id}, which was not started` };
}

export function footerUnit(bytes: Uint8Array, at: number, end: number, ramId: number): Unit {
  if (bytes[at] !== sectionType.footer)
    return { reason: `0x${bytes[at]!.toString(16)} where a section's footer is expected` };
  if (end - at < PART_HEAD_BYTES) return { need: PART_HEAD_BYTES };
  const id = u32(bytes, at + 1);
  return id === ramId
    ? { taken: PART_HEAD_BYTES }
    : { reason: `the footer of section ${id} after section ${ramId}` };
}

/** Lengths of the payloads of commands that have no others. */
const PAYLOAD_BYTES: Readonly<Record<string, readonly number[]>> = {
  OPEN_RETURN_PATH: [0],
  PING: [4],
  POSTCOPY_ADVISE: [0, 16],
  POSTCOPY_LISTEN: [0],
  POSTCOPY_RUN: [0],
  PACKAGED: [4],
  POSTCOPY_RESUME: [0],
  SWITCHOVER_START: [0],
};

/** A whole command: its number is the u16 behind the first byte, its payload begins at byte 5. */
export function commandUnit(bytes: Uint8Array, at: number, end: number): Unit {
  if (end - at < PART_HEAD_BYTES) return { need: PART_HEAD_BYTES };
  const number = u16(bytes, at + 1);
  const length = u16(bytes, at + 3);
  const command = COMMANDS[number];
  if (command === undefined || command === 'INVALID') return { reason: `command ${number}` };
  if (command === 'ENABLE_COLO') return { reason: 'COLO (command ENABLE_COLO)' };
  if (PAYLOAD_BYTES[command]?.includes(length) === false)
    return { reason: `command ${command} of ${length} bytes` };
  return end - at < PART_HEAD_BYTES + length
    ? { need: PART_HEAD_BYTES + length }
    : { taken: PART_HEAD_BYTES + length };
}
