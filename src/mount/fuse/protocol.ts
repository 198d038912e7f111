// The kernel's FUSE protocol 7, of which a read-only server needs a small part. All numbers have the byte
// order of the host; every host of Node has little-endian ones.
//
//   request  length u32, opcode u32, unique u64, node u64, uid u32, gid u32, pid u32, padding u32; then the
//            opcode's arguments
//   reply    length u32, minus errno i32, unique u64; then the opcode's result, if there is no error

/** Protocol that is spoken: the first with MAX_PAGES is 7.28. A kernel with a later one speaks this one. */
export const PROTOCOL_MAJOR = 7;
export const PROTOCOL_MINOR = 31;

export const REQUEST_HEAD_BYTES = 40;
export const REPLY_HEAD_BYTES = 16;

/** Node number of what is mounted: the directory, or the one file. */
export const ROOT_NODE = 1;

/** The kernel's names, but for DROP_NODE(S): it needs a node no longer. */
export const OPCODE = {
  LOOKUP: 1,
  DROP_NODE: 2,
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
  DROP_NODES: 42,
  LSEEK: 46,
} as const;

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

/** Several reads of one file may be in flight, and a request may be of more than 32 pages. */
export const INIT_FLAGS = (1 << 0) | (1 << 22);
/** OPEN: pages that the kernel has cached stay valid. */
export const KEEP_CACHE = 1 << 1;

/** Requests to a read-only server are short: the longest has a name. The kernel wants 8 KiB at least. */
export const REQUEST_BYTES = 16 << 10;
/** The least that the kernel accepts for writes, which it never sends. */
export const MAX_WRITE = 4096;
/** Most bytes of one READ. */
export const MAX_READ = 1 << 20;
export const MAX_READ_PAGES = 256;
/** Largest page of memory of a host: a READ of more bytes is of several pages. */
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
