// The Network Block Device protocol, newstyle with fixed handshake, as far as a read-only server needs it
// (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md). All integers are big-endian.
//
//   server:  "NBDMAGIC" "IHAVEOPT" flags:u16
//   client:  flags:u32
//   option:  "IHAVEOPT" option:u32 length:u32 data                  client, any number of them
//   reply:   0x3e889045565a9:u64 option:u32 type:u32 length:u32 data
//   request: 0x25609513:u32 flags:u16 type:u16 cookie:u64 offset:u64 length:u32      then data, of a write
//   simple:  0x67446698:u32 error:u32 cookie:u64 data
//   chunk:   0x668e33ef:u32 flags:u16 type:u16 cookie:u64 length:u32 data

export const HANDSHAKE_MAGIC = Buffer.from('NBDMAGICIHAVEOPT', 'latin1');
export const OPTION_MAGIC = Buffer.from('IHAVEOPT', 'latin1');
export const OPTION_HEAD_BYTES = 16;
export const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const REQUEST_BYTES = 28;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const CHUNK_MAGIC = 0x668e33ef;

/** Handshake flags, of server and client. */
export const FIXED_NEWSTYLE = 1;
export const NO_ZEROES = 2;

export const OPTION = {
  EXPORT_NAME: 1,
  ABORT: 2,
  LIST: 3,
  STARTTLS: 5,
  INFO: 6,
  GO: 7,
  STRUCTURED_REPLY: 8,
  LIST_META_CONTEXT: 9,
  SET_META_CONTEXT: 10,
} as const;

export const REPLY = {
  ACK: 1,
  SERVER: 2,
  INFO: 3,
  META_CONTEXT: 4,
  ERR_UNSUP: 0x80000001,
  ERR_INVALID: 0x80000003,
  ERR_UNKNOWN: 0x80000006,
  ERR_TOO_BIG: 0x80000009,
} as const;

export const INFO = { EXPORT: 0, NAME: 1, DESCRIPTION: 2, BLOCK_SIZE: 3 } as const;

/** Transmission flags of an export. */
export const EXPORT_FLAG = { HAS_FLAGS: 1, READ_ONLY: 2, SEND_DF: 1 << 7, CAN_MULTI_CONN: 1 << 8 } as const;

export const COMMAND = {
  READ: 0,
  WRITE: 1,
  DISC: 2,
  FLUSH: 3,
  TRIM: 4,
  CACHE: 5,
  WRITE_ZEROES: 6,
  BLOCK_STATUS: 7,
} as const;

export const COMMAND_FLAG = { DF: 1 << 2, REQ_ONE: 1 << 3 } as const;

export const CHUNK = {
  NONE: 0,
  OFFSET_DATA: 1,
  OFFSET_HOLE: 2,
  BLOCK_STATUS: 5,
  ERROR: (1 << 15) + 1,
  ERROR_OFFSET: (1 << 15) + 2,
} as const;
export const CHUNK_DONE = 1;

export const NBD_ERROR = { EPERM: 1, EIO: 5, EINVAL: 22 } as const;

/** The only metadata context, its identifier, and its states: a hole that reads as zeros, or data. */
export const BASE_ALLOCATION = 'base:allocation';
export const BASE_ALLOCATION_ID = 1;
export const STATE_ZERO = 3;
export const STATE_DATA = 0;

/** Most bytes of a string of the protocol: the name of an export, a metadata query. */
export const MAX_STRING_BYTES = 4096;
/** Most bytes of an option's data; a client that announces more is dropped. */
export const MAX_OPTION_BYTES = 64 << 10;
/** Most bytes of one request. */
export const MAX_REQUEST_BYTES = 32 << 20;

/** Encode fields: [bits, number], strings and bytes. */
export function fields(
  ...values: readonly (readonly [16 | 32 | 64, number] | string | Uint8Array)[]
): Buffer {
  return Buffer.concat(
    values.map((value) => {
      if (typeof value === 'string') return Buffer.from(value);
      if (value instanceof Uint8Array) return value;
      const [bits, number] = value;
      const bytes = Buffer.alloc(bits / 8);
      if (bits === 64) bytes.writeBigUInt64BE(BigInt(number));
      else bytes.writeUIntBE(number, 0, bits / 8);
      return bytes;
    }),
  );
}
