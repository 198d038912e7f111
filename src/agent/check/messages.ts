// Bodies of the frames CHECK and CHECK_ANSWER. All integers are little-endian; a text is: bytes u16 | UTF-8.
//
//   CHECK                   kind u8 | session id of the destination (QUESTION) or bytes (BURST)
//   CHECK_ANSWER, QUESTION  kind u8 | version text | QEMU's address text | state of its socket u8 |
//                           end of the certificate, seconds since 1970 u64 (0: none) | cache bytes u64 |
//                           largest guest u64 | migrations in progress u32 | has a base u8 | base digest |
//                           cores u32 | unpacked bytes per ms u32 (0: not measured) |
//                           id of the boot, text (not in earlier releases) | for later versions
//   CHECK_ANSWER, ROUND_TRIP   kind u8
//   CHECK_ANSWER, BURST_END    kind u8 | bytes u64 | µs u64

import { readText } from '../../channel/handshake-messages.js';
import { DIGEST_BYTES } from '../../stream/format.js';
import { WireReader, WireWriter } from '../../stream/wire.js';
import { printable } from '../printable.js';

/** Content of a CHECK frame. */
export const CHECK_KIND = { QUESTION: 0, ROUND_TRIP: 1, BURST: 2, BURST_END: 3 } as const;

/** Whether QEMU listens at its address, as far as the system's tables tell without connecting to it. */
const SOCKET_STATES = ['unknown', 'listening', 'not listening', 'missing', 'deferred'] as const;
export type SocketState = (typeof SOCKET_STATES)[number];

/** Report of a destination agent about itself. */
export interface DestinationFacts {
  readonly version: string;
  readonly qemuAddress: string;
  readonly qemuSocket: SocketState;
  /** End of its certificate, in seconds since 1970. */
  readonly certificateEnd: number | undefined;
  readonly cacheBytes: number;
  readonly maxGuestBytes: number;
  readonly migrationsInProgress: number;
  readonly base: Uint8Array | undefined;
  readonly cores: number;
  /** Pages that one thread unpacks, in bytes per ms. */
  readonly unpackBytesPerMs: number | undefined;
  /** Id of its host's boot; not known of earlier releases. */
  readonly bootId: string | undefined;
}

/** Bytes that arrived in a burst, and the time between the first and the last of them. */
export interface BurstFacts {
  readonly bytes: number;
  readonly ms: number;
}

const MAX_TEXT_BYTES = 300;

/** Return the answer to a QUESTION; texts are cut at 300 bytes. */
export function factsBytes(facts: DestinationFacts): Uint8Array {
  const to = new WireWriter();
  to.u8(CHECK_KIND.QUESTION);
  putText(to, facts.version);
  putText(to, facts.qemuAddress);
  to.u8(SOCKET_STATES.indexOf(facts.qemuSocket));
  to.u64(facts.certificateEnd ?? 0);
  to.u64(facts.cacheBytes);
  to.u64(facts.maxGuestBytes);
  to.u32(facts.migrationsInProgress);
  to.u8(facts.base ? 1 : 0);
  to.put(facts.base ?? new Uint8Array(DIGEST_BYTES));
  to.u32(facts.cores);
  to.u32(Math.min(2 ** 32 - 1, Math.round(facts.unpackBytesPerMs ?? 0)));
  putText(to, facts.bootId ?? '');
  return to.bytes;
}

/** Read the answer to a QUESTION; later fields are ignored. @throws PageferryError `bad-stream` */
export function readFacts(body: Uint8Array, peer: string): DestinationFacts {
  const from = answerReader(body, CHECK_KIND.QUESTION, peer);
  const version = printable(readText(from), MAX_TEXT_BYTES);
  const qemuAddress = printable(readText(from), MAX_TEXT_BYTES);
  const qemuSocket = SOCKET_STATES[from.u8()] ?? 'unknown';
  const certificateEnd = from.u64() || undefined;
  const cacheBytes = from.u64();
  const maxGuestBytes = from.u64();
  const migrationsInProgress = from.u32();
  const hasBase = from.u8() === 1;
  const digest = from.take(DIGEST_BYTES).slice();
  const base = hasBase ? digest : undefined;
  const cores = from.u32();
  const unpackBytesPerMs = from.u32() || undefined;
  const bootId = from.left > 0 ? printable(readText(from), MAX_TEXT_BYTES) || undefined : undefined;
  return {
    ...{ version, qemuAddress, qemuSocket, certificateEnd, cacheBytes, maxGuestBytes, migrationsInProgress },
    ...{ base, cores, unpackBytesPerMs, bootId },
  };
}

/** Return the answer to a BURST_END. */
export function burstBytes({ bytes, ms }: BurstFacts): Uint8Array {
  const to = new WireWriter();
  to.u8(CHECK_KIND.BURST_END);
  to.u64(bytes);
  to.u64(Math.round(1000 * ms));
  return to.bytes;
}

/** Read the answer to a BURST_END. @throws PageferryError `bad-stream` */
export function readBurst(body: Uint8Array, peer: string): BurstFacts {
  const from = answerReader(body, CHECK_KIND.BURST_END, peer);
  return { bytes: from.u64(), ms: from.u64() / 1000 };
}

/** Return a reader of an answer, behind its kind. @throws PageferryError `bad-stream` */
export function answerReader(body: Uint8Array, kind: number, peer: string): WireReader {
  const from = new WireReader(body, `${peer}: answer to a check`);
  const found = from.u8();
  if (found !== kind) throw from.bad(`kind ${found} where ${kind} was expected`);
  return from;
}

function putText(to: WireWriter, text: string): void {
  const bytes = new TextEncoder().encode(text).subarray(0, MAX_TEXT_BYTES);
  to.u16(bytes.length);
  to.put(bytes);
}
