// The kernel's FUSE protocol 7, of which a read-only server needs a small part. All numbers have the byte
// order of the host; every host of Node has little-endian ones.
//
//   request  length u32, opcode u32, unique u64, node u64, uid u32, gid u32, pid u32, padding u32; then the
//            opcode's arguments
//   reply    length u32, minus errno i32, unique u64; then the opcode's result, if there is no error

/** Version of the protocol. Kernels with a later version use it too; MAX_PAGES exists since 7.28. */
export const PROTOCOL_MAJOR = 7;
export const PROTOCOL_MINOR = 31;

export const REQUEST_HEAD_BYTES = 40;
export const REPLY_HEAD_BYTES = 16;

/** Node number of the root of the mount: the directory, or the one file. */
export const ROOT_NODE = 1;

/** Opcodes of requests, by the kernel's names (FUSE_LOOKUP, ...). */
export const OPCODE = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
  LSEEK: 46,
} as const;

/** Linux's error numbers. */
export const ERRNO = {
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EROFS: 30,
  ENOSYS: 38,
  EPROTO: 71,
} as const;

/**
 * ASYNC_READ: several reads of one file may be in flight. MAX_PAGES: a request may have more than 32 pages.
 */
export const INIT_FLAGS = (1 << 0) | (1 << 22);
/** OPEN: pages that the kernel has cached stay valid. */
export const KEEP_CACHE = 1 << 1;

/** Buffer for a request. The longest request to a read-only server has a name; the kernel requires 8 KiB. */
export const REQUEST_BYTES = 16 << 10;
/** Minimum that the kernel accepts; a read-only server receives no writes of data. */
export const MAX_WRITE = 4096;
/** Most bytes of one READ. */
export const MAX_READ = 1 << 20;
export const MAX_READ_PAGES = 256;
/** Largest page size of a host: a READ of more bytes is for several pages. */
export const MAX_PAGE_BYTES = 64 << 10;

export const ATTRIBUTES_BYTES = 88;
export const ENTRY_BYTES = 40 + ATTRIBUTES_BYTES;
export const DIRENT_BYTES = 24;
export const INIT_REPLY_BYTES = 64;
export const STATFS_BYTES = 80;

export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;
