import{createRequire}from'module';const require=createRequire(import.meta.url);

// src/image/elf-core.ts
import fs2 from "node:fs";

// src/page/error.ts
var PageferryError = class extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
  }
  code;
  name = "PageferryError";
};

// src/image/elf-layout.ts
var ELF_MAGIC = 1179403647;
var CLASS_64 = 2;
var DATA_LITTLE_ENDIAN = 1;
var ET_CORE = 4;
var PT_LOAD = 1;
var PN_XNUM = 65535;
var HEADER_BYTES = 64;
var PROGRAM_HEADER_BYTES = 56;
var SECTION_HEADER_BYTES = 64;
var header = {
  class: 4,
  data: 5,
  version: 6,
  type: 16,
  machine: 18,
  fileVersion: 20,
  phoff: 32,
  shoff: 40,
  ehsize: 52
};
var headerCounts = { phentsize: 54, phnum: 56, shentsize: 58, shnum: 60 };
var programHeader = { type: 0, flags: 4, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40, align: 48 };
var SECTION_INFO_OFFSET = 44;

// src/image/fault.ts
function errnoOf(cause) {
  return cause?.code;
}
function ioError(name, doing, cause) {
  const reason = cause instanceof Error ? cause.message.split(", ")[0] : String(cause);
  return new PageferryError("io", `${name}: ${doing}: ${reason}`, { cause });
}
function checkPosition(name, position) {
  if (!Number.isSafeInteger(position) || position < 0)
    throw new PageferryError("bad-argument", `${name}: expected a position in bytes, got ${position}`);
}

// src/image/extents.ts
function extentSource(handle, extents) {
  const last = extents.at(-1);
  const bytes = last ? last.position + last.bytes : 0;
  const name = handle.name;
  let next = 0;
  return {
    name,
    bytes,
    async read(into) {
      const wanted = Math.min(into.length, bytes - next);
      const from = next;
      next += wanted;
      for (let done = 0; done < wanted; ) {
        const { part, offset } = piece(extents, into, done, wanted, from + done);
        if (offset === void 0) part.fill(0);
        else checkWhole(name, await handle.read(part, offset), part.length, offset);
        done += part.length;
      }
      return wanted;
    },
    readAt(into, position) {
      checkPosition(name, position);
      const wanted = Math.max(0, Math.min(into.length, bytes - position));
      for (let done = 0; done < wanted; ) {
        const { part, offset } = piece(extents, into, done, wanted, position + done);
        if (offset === void 0) part.fill(0);
        else checkWhole(name, handle.readSync(part, offset), part.length, offset);
        done += part.length;
      }
      return wanted;
    },
    close: handle.close
  };
}
function piece(extents, into, done, wanted, position) {
  const extent = extents[extentIndex(extents, position)];
  const within4 = position - extent.position;
  return {
    part: into.subarray(done, Math.min(wanted, done + extent.bytes - within4)),
    offset: extent.offset === void 0 ? void 0 : extent.offset + within4
  };
}
function extentIndex(extents, position) {
  let low = 0;
  let high = extents.length - 1;
  while (low < high) {
    const middle = low + high + 1 >>> 1;
    if (extents[middle].position <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
function checkWhole(name, got, wanted, offset) {
  if (got < wanted)
    throw new PageferryError(
      "io",
      `${name}: expected ${wanted} bytes at ${offset}, got ${got}: the file was cut short while it was read`
    );
}

// src/image/handle.ts
import fs from "node:fs";
var CALL_BYTES = 1 << 30;
var RETRY_MS = 1;
function readHandle(fd, name) {
  let underWay = 0;
  let closed = false;
  const readOnce = (into, from, position) => new Promise((resolve, reject) => {
    if (closed) return reject(new Error("it is closed"));
    underWay++;
    fs.read(fd, into, from, Math.min(into.length - from, CALL_BYTES), position, (error, bytes) => {
      underWay--;
      if (closed && underWay === 0) closeQuietly(fd);
      if (error) reject(error);
      else resolve(bytes);
    });
  });
  return {
    name,
    readOnce,
    async read(into, position) {
      let done = 0;
      while (done < into.length) {
        try {
          const bytes = await readOnce(into, done, position === null ? null : position + done);
          if (bytes === 0) break;
          done += bytes;
        } catch (cause) {
          if (errnoOf(cause) === "EOF") break;
          if (errnoOf(cause) !== "EAGAIN")
            throw readError(name, into.length - done, position === null ? null : position + done, cause);
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
      return done;
    },
    readSync(into, position) {
      let done = 0;
      while (done < into.length) {
        try {
          if (closed) throw new Error("it is closed");
          const bytes = fs.readSync(fd, into, done, Math.min(into.length - done, CALL_BYTES), position + done);
          if (bytes === 0) break;
          done += bytes;
        } catch (cause) {
          throw readError(name, into.length - done, position + done, cause);
        }
      }
      return done;
    },
    close() {
      if (closed) return;
      closed = true;
      if (underWay === 0) closeQuietly(fd);
    }
  };
}
function openHandle(path) {
  try {
    const fd = fs.openSync(path, "r");
    return { ...readHandle(fd, path), fd };
  } catch (cause) {
    throw ioError(path, "cannot open", cause);
  }
}
function readError(name, bytes, position, cause) {
  return ioError(name, `cannot read ${bytes} bytes${position === null ? "" : ` at ${position}`}`, cause);
}
function closeQuietly(fd) {
  try {
    fs.closeSync(fd);
  } catch {
  }
}

// src/image/elf-core.ts
var MAX_PROGRAM_HEADERS = 1 << 21;
var HEADERS_PER_READ = 4096;
var ADDRESS_END = 1n << 64n;
function isElfCore(firstBytes) {
  if (firstBytes.length < 18) return false;
  const view = viewOf(firstBytes);
  return view.getUint32(0, true) === ELF_MAGIC && view.getUint16(header.type, firstBytes[header.data] === DATA_LITTLE_ENDIAN) === ET_CORE;
}
function openElfCore(path, options = {}) {
  const handle = openHandle(path);
  try {
    const stat = fs2.fstatSync(handle.fd);
    if (!stat.isFile())
      throw new PageferryError("unsupported", `${path}: an ELF core must be a regular file, to be read out of order`);
    const loads = readLoads(handle, stat.size);
    const addressing = loads.some((load) => load.paddr !== 0n) ? "physical" : "virtual";
    const addressOf = (load) => addressing === "physical" ? load.paddr : load.vaddr;
    checkLoads(path, loads, addressOf, addressing, stat.size);
    const ordered = options.layout === "file-order" ? loads : [...loads].sort((a, b) => ascending(addressOf(a), addressOf(b)));
    const { segments, extents } = layOut(path, ordered, addressOf);
    return { ...extentSource(handle, extents), segments, addressing };
  } catch (cause) {
    handle.close();
    throw cause instanceof PageferryError ? cause : ioError(path, "cannot open", cause);
  }
}
function readLoads(handle, fileBytes) {
  const { name } = handle;
  const first = viewOf(readWhole(handle, 0, HEADER_BYTES, fileBytes, "ELF header"));
  checkKind(name, first);
  const count = programHeaderCount(handle, first, fileBytes);
  const phoff = first.getBigUint64(header.phoff, true);
  const tableBytes = BigInt(count) * BigInt(PROGRAM_HEADER_BYTES);
  if (phoff + tableBytes > BigInt(fileBytes))
    throw bad(name, `${count} program headers at ${phoff} need ${tableBytes} bytes, the file has ${fileBytes}`);
  const loads = [];
  for (let index = 0; index < count; index += HEADERS_PER_READ) {
    const some = Math.min(HEADERS_PER_READ, count - index);
    const at = Number(phoff) + index * PROGRAM_HEADER_BYTES;
    const view = viewOf(readWhole(handle, at, some * PROGRAM_HEADER_BYTES, fileBytes, "program headers"));
    for (let i = 0; i < some; i++) {
      const load = readLoad(view, i * PROGRAM_HEADER_BYTES, index + i);
      if (load) loads.push(load);
    }
  }
  if (loads.length === 0) throw bad(name, `has no memory: none of its ${count} program headers is a PT_LOAD with bytes`);
  return loads;
}
function readLoad(view, at, index) {
  const word = (field) => view.getBigUint64(at + field, true);
  const memsz = word(programHeader.memsz);
  if (view.getUint32(at + programHeader.type, true) !== PT_LOAD || memsz === 0n && word(programHeader.filesz) === 0n)
    return void 0;
  return {
    offset: word(programHeader.offset),
    vaddr: word(programHeader.vaddr),
    paddr: word(programHeader.paddr),
    filesz: word(programHeader.filesz),
    memsz,
    index
  };
}
function checkKind(name, view) {
  if (view.getUint32(0, true) !== ELF_MAGIC) throw bad(name, "does not begin with 7F 45 4C 46, so it is no ELF file");
  const only = "only ELF64 little-endian core files can be read";
  const bits = view.getUint8(header.class);
  const order = view.getUint8(header.data);
  if (bits !== CLASS_64) throw unsupported(name, `is ${bits === 1 ? "ELF32" : `ELF of class ${bits}`}; ${only}`);
  if (order !== DATA_LITTLE_ENDIAN)
    throw unsupported(name, `is ${order === 2 ? "big-endian ELF" : `ELF of byte order ${order}`}; ${only}`);
  const type = view.getUint16(header.type, true);
  const kind = ["nothing", "an object file", "an executable", "a shared library or executable"][type] ?? `of type ${type}`;
  if (type !== ET_CORE) throw unsupported(name, `is ELF but ${kind}; ${only}`);
  const entryBytes = view.getUint16(headerCounts.phentsize, true);
  if (entryBytes !== PROGRAM_HEADER_BYTES)
    throw bad(name, `expected program headers of ${PROGRAM_HEADER_BYTES} bytes, got ${entryBytes}`);
}
function programHeaderCount(handle, first, fileBytes) {
  const count = first.getUint16(headerCounts.phnum, true);
  if (count !== PN_XNUM) return count;
  const shoff = first.getBigUint64(header.shoff, true);
  if (shoff < BigInt(HEADER_BYTES) || shoff + BigInt(SECTION_HEADER_BYTES) > BigInt(fileBytes))
    throw bad(handle.name, `its number of program headers is in a section header at ${shoff}, the file has ${fileBytes} bytes`);
  const section = viewOf(readWhole(handle, Number(shoff), SECTION_HEADER_BYTES, fileBytes, "section header"));
  const long = section.getUint32(SECTION_INFO_OFFSET, true);
  if (long > MAX_PROGRAM_HEADERS) throw bad(handle.name, `expected at most ${MAX_PROGRAM_HEADERS} program headers, got ${long}`);
  return long;
}
function checkLoads(name, loads, addressOf, addressing, fileBytes) {
  for (const load of loads) {
    const segment = `segment ${load.index}`;
    if (load.filesz > load.memsz)
      throw bad(name, `${segment}: has ${load.filesz} bytes in the file, more than its ${load.memsz} in memory`);
    if (load.filesz > 0n && load.offset + load.filesz > BigInt(fileBytes))
      throw bad(name, `${segment}: ${load.filesz} bytes at ${load.offset} end past the file's ${fileBytes}: it is cut short`);
    if (addressOf(load) + load.memsz > ADDRESS_END)
      throw bad(name, `${segment}: ${load.memsz} bytes at ${hex(addressOf(load))} end past the address space`);
  }
  const hint = addressing === "physical" ? " (dump-guest-memory: dump without -p, paging)" : "";
  checkApart(name, loads, addressOf, (load) => load.memsz, `at ${addressing} address`, hint);
  const stored = loads.filter((load) => load.filesz > 0n);
  checkApart(
    name,
    stored,
    (load) => load.offset,
    (load) => load.filesz,
    "in the file at",
    ""
  );
}
function checkApart(name, loads, startOf, bytesOf, where, hint) {
  const sorted = [...loads].sort((a, b) => ascending(startOf(a), startOf(b)));
  for (let i = 1; i < sorted.length; i++) {
    const [before, after] = [sorted[i - 1], sorted[i]];
    if (startOf(before) + bytesOf(before) > startOf(after))
      throw bad(name, `segments ${before.index} and ${after.index} overlap ${where} ${hex(startOf(after))}${hint}`);
  }
}
function layOut(name, loads, addressOf) {
  const segments = [];
  const extents = [];
  let position = 0;
  for (const load of loads) {
    const bytes = Number(load.memsz);
    const stored = Number(load.filesz);
    if (!Number.isSafeInteger(position + bytes))
      throw bad(name, `segment ${load.index}: the image would have ${position + bytes} bytes`);
    segments.push({ address: addressOf(load), bytes, offset: position });
    if (stored > 0) addExtent(extents, { position, bytes: stored, offset: Number(load.offset) });
    if (bytes > stored) addExtent(extents, { position: position + stored, bytes: bytes - stored });
    position += bytes;
  }
  return { segments, extents };
}
function addExtent(extents, extent) {
  const last = extents.at(-1);
  const joins = last && (last.offset === void 0 ? extent.offset === void 0 : extent.offset === last.offset + last.bytes);
  if (joins) extents[extents.length - 1] = { ...last, bytes: last.bytes + extent.bytes };
  else extents.push(extent);
}
function readWhole(handle, position, bytes, fileBytes, what) {
  const into = new Uint8Array(bytes);
  const got = handle.readSync(into, position);
  if (got < bytes) throw bad(handle.name, `${what}: expected ${bytes} bytes at ${position}, got ${got}; the file has ${fileBytes}`);
  return into;
}
function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
function ascending(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
function hex(address) {
  return `0x${address.toString(16)}`;
}
function bad(name, what) {
  return new PageferryError("bad-image", `${name}: ${what}`);
}
function unsupported(name, what) {
  return new PageferryError("unsupported", `${name}: ${what}`);
}

// src/image/file.ts
import fs3 from "node:fs";
function openFileSource(path) {
  if (path === "-") return sequentialSource("standard input", () => Promise.resolve(0), false);
  const stat = statInput(path);
  if (stat.isFile() || stat.isBlockDevice()) return seekableSource(path);
  return sequentialSource(path, () => openLater(path), true);
}
function statInput(path) {
  let stat;
  try {
    stat = fs3.statSync(path);
    if (!stat.isDirectory()) fs3.accessSync(path, fs3.constants.R_OK);
  } catch (cause) {
    throw ioError(path, "cannot open", cause);
  }
  if (stat.isDirectory()) throw new PageferryError("io", `${path}: expected a memory image, got a directory`);
  return stat;
}
function seekableSource(path) {
  const handle = openHandle(path);
  try {
    const stat = fs3.fstatSync(handle.fd);
    const bytes = stat.isBlockDevice() ? deviceBytes(handle) : stat.size;
    return extentSource(handle, [{ position: 0, bytes, offset: 0 }]);
  } catch (cause) {
    handle.close();
    throw cause instanceof PageferryError ? cause : ioError(path, "cannot open", cause);
  }
}
function deviceBytes(handle) {
  const byte = new Uint8Array(1);
  const has = (position) => handle.readSync(byte, position) === 1;
  if (!has(0)) return 0;
  let low = 0;
  let high = 1 << 20;
  while (has(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (has(middle)) low = middle;
    else high = middle;
  }
  return high;
}
function sequentialSource(name, open, ours) {
  let handle;
  let closed = false;
  return {
    name,
    async read(into) {
      if (closed) throw new PageferryError("bad-argument", `${name}: read after it was closed`);
      handle ??= open().then((fd) => readHandle(fd, name));
      return (await handle).read(into, null);
    },
    close() {
      closed = true;
      if (ours)
        handle?.then(
          (opened) => opened.close(),
          () => {
          }
        );
    }
  };
}
function openLater(path) {
  return new Promise((resolve, reject) => {
    fs3.open(path, "r", (cause, fd) => cause ? reject(ioError(path, "cannot open", cause)) : resolve(fd));
  });
}

// src/image/open.ts
var FIRST_BYTES = 64;
function openImage(path) {
  const raw2 = openFileSource(path);
  if (!raw2.readAt) return raw2;
  const first = new Uint8Array(FIRST_BYTES);
  let elf = false;
  try {
    elf = isElfCore(first.subarray(0, raw2.readAt(first, 0)));
  } catch (cause) {
    raw2.close();
    throw cause;
  }
  if (!elf) return raw2;
  raw2.close();
  return openElfCore(path);
}

// src/codec/codec.ts
function createCodecContext(kernels) {
  return {
    kernels,
    lz4Scratch: kernels.reserve(kernels.run.LZ4_SCRATCH_BYTES.value, "lz4 scratch"),
    wkdmScratch: kernels.reserve(kernels.run.WKDM_SCRATCH_BYTES.value, "wkdm scratch")
  };
}

// src/page/node-module.ts
function nodeModule(name) {
  return globalThis.process?.getBuiltinModule?.(name);
}

// src/codec/zstd.ts
var zstd = { name: "zstd", wireId: 11, operands: {}, base: "none" };
function checkedFrame(frame, contentBytes) {
  const declared = frameContentBytes(frame);
  if (declared !== contentBytes)
    throw new PageferryError(
      "bad-stream",
      `zstd frame: expected a content of ${contentBytes} bytes, it declares ${declared ?? "none"}`
    );
  return frame;
}
function frameContentBytes(frame) {
  if (frame.length < 6 || frame[0] !== 40 || frame[1] !== 181 || frame[2] !== 47 || frame[3] !== 253) return void 0;
  const descriptor = frame[4];
  const singleSegment = (descriptor & 32) !== 0;
  if ((descriptor & 11) !== 0) return void 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? singleSegment ? 1 : 0 : 1 << sizeFlag;
  const at = singleSegment ? 5 : 6;
  if (sizeBytes === 0 || at + sizeBytes > frame.length) return void 0;
  let size = 0;
  for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + frame[at + i];
  return sizeBytes === 2 ? size + 256 : size;
}

// src/codec/zstd-node.ts
function nodeZstd(zlib) {
  const native = zlib;
  const { zstdCompressSync, zstdDecompressSync, constants } = native;
  if (!zstdCompressSync || !zstdDecompressSync) return void 0;
  const streams = new FrameStreams(native);
  return {
    name: "node:zlib",
    compress: (bytes, level) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level }, chunkSize: mostFrameBytes(bytes.length) }),
    compressAsync: (bytes, level) => streams.compress(bytes, level),
    decompress: (frame, contentBytes) => zstdDecompressSync(checkedFrame(frame, contentBytes), {
      maxOutputLength: Math.max(1, contentBytes),
      chunkSize: Math.max(64, contentBytes)
    })
  };
}
function mostFrameBytes(bytes) {
  return bytes + (bytes >>> 8) + 1024;
}
var SLAB_BYTES = 16 << 20;
var MOST_KEPT_LEVEL = 3;
var FrameStreams = class {
  constructor(zlib) {
    this.zlib = zlib;
  }
  zlib;
  idle = [];
  compress(bytes, level) {
    const frames = this.take(level, mostFrameBytes(bytes.length));
    const { stream, chunks } = frames;
    return new Promise((resolve, reject) => {
      stream.once("error", reject);
      stream.write(bytes, (error) => {
        if (error) return reject(error);
        stream.off("error", reject);
        const frame = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
        chunks.length = 0;
        frames.room -= frame.length;
        this.idle.push(frames);
        resolve(frame);
      });
    });
  }
  take(level, roomBytes) {
    const at = this.idle.findIndex((frames) => frames.level === level && frames.room >= roomBytes);
    if (at >= 0) return this.idle.splice(at, 1)[0];
    const kept = (frames) => frames.level !== level && frames.level <= MOST_KEPT_LEVEL;
    for (const frames of this.idle.splice(0)) {
      if (kept(frames)) this.idle.push(frames);
      else frames.stream.destroy();
    }
    return this.start(level, Math.max(SLAB_BYTES, roomBytes));
  }
  start(level, room) {
    const { ZSTD_c_compressionLevel, ZSTD_e_end } = this.zlib.constants;
    const params = { [ZSTD_c_compressionLevel]: level };
    const stream = this.zlib.createZstdCompress({ params, chunkSize: room, flush: ZSTD_e_end });
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    return { level, stream, chunks, room };
  }
};

// src/codec/zstd-package.ts
var ZSTD_PACKAGE = "@bokuweb/zstd-wasm";
function zstdPackagePath() {
  try {
    return nodeModule("node:module")?.createRequire(import.meta.url).resolve(ZSTD_PACKAGE);
  } catch {
    return void 0;
  }
}
var fromPackage;
function packageZstd(packagePath) {
  fromPackage ??= startPackage(packagePath);
  return fromPackage;
}
async function startPackage(packagePath) {
  const found = await importPackage(packagePath);
  if (!found) return void 0;
  await ready(found);
  return {
    name: ZSTD_PACKAGE,
    compress: (bytes, level) => found.compress(bytes, level),
    decompress: (frame, contentBytes) => found.decompress(checkedFrame(frame, contentBytes))
  };
}
var READY = /* @__PURE__ */ Symbol.for("pageferry: zstd packages that are ready");
async function ready(found) {
  const shared = globalThis;
  shared[READY] ??= /* @__PURE__ */ new WeakMap();
  let initialized = shared[READY].get(found);
  if (!initialized) {
    initialized = works(found) ? Promise.resolve() : found.init();
    shared[READY].set(found, initialized);
  }
  await initialized;
}
function works(found) {
  try {
    return found.compress(new Uint8Array(1), 1).length > 0;
  } catch {
    return false;
  }
}
async function importPackage(packagePath) {
  try {
    const module = nodeModule("node:module");
    const path = packagePath ?? zstdPackagePath();
    if (module) return path ? module.createRequire(path)(path) : void 0;
    return await import("@bokuweb/zstd-wasm");
  } catch {
    return void 0;
  }
}

// src/codec/zstd-load.ts
async function loadZstd(packagePath) {
  const zlib = nodeModule("node:zlib");
  return (zlib && nodeZstd(zlib)) ?? await packageZstd(packagePath);
}

// src/engine/chunk-reader.ts
var CHUNK_BYTES = 4 << 20;
var SLOTS = 2;
var READ_ALONG_PAGES = 2;
var ChunkReader = class {
  constructor(kernels) {
    this.kernels = kernels;
    this.slots = Array.from({ length: SLOTS }, () => kernels.reserve(CHUNK_BYTES, "chunk"));
    this.parentSlot = kernels.reserve(CHUNK_BYTES, "chunk of the parent");
  }
  kernels;
  static memoryBytes = (SLOTS + 1) * (CHUNK_BYTES + 256);
  slots;
  parentSlot;
  /** Reads `source` to its end. Only the last chunk may end within a page. */
  async read(source, consume) {
    let position = 0;
    let turn = 0;
    let next = this.fill(source, turn);
    for (; ; ) {
      const address = this.slots[turn];
      const bytes = await next;
      if (bytes === 0) break;
      turn = (turn + 1) % SLOTS;
      next = bytes === CHUNK_BYTES ? this.fill(source, turn) : Promise.resolve(0);
      next.catch(() => {
      });
      await consume(address, bytes);
      position += bytes;
    }
    if (source.bytes !== void 0 && position !== source.bytes)
      throw new PageferryError("io", `${source.name}: expected ${source.bytes} bytes, got ${position}`);
  }
  /** Copies up to a chunk's bytes in; the address is good until the next call. */
  copyIn(bytes) {
    this.kernels.bytes.set(bytes, this.slots[0]);
    return this.slots[0];
  }
  async fill(source, slot) {
    const from = this.slots[slot];
    let filled = 0;
    while (filled < CHUNK_BYTES) {
      const bytes = await source.read(this.kernels.bytes.subarray(from + filled, from + CHUNK_BYTES));
      if (bytes === 0) break;
      filled += bytes;
    }
    return filled;
  }
  /**
   * Reads those of `count` pages of `parent` at `position` that are `wanted`; returns where the first page stands, or would. Good
   * until the next call.
   */
  versions(parent, position, count, pageBytes, wanted) {
    for (let i = 0; i < count; i++) {
      if (!wanted(i)) continue;
      let end = i + 1;
      for (let next = end; next < count && next - end <= READ_ALONG_PAGES; next++) if (wanted(next)) end = next + 1;
      this.readVersions(parent, position, i * pageBytes, end * pageBytes);
      i = end;
    }
    return this.parentSlot;
  }
  readVersions(parent, position, from, to) {
    const { bytes } = this.kernels;
    const slot = this.parentSlot;
    const got = parent.readAt(bytes.subarray(slot + from, slot + to), position + from);
    bytes.fill(0, slot + from + got, slot + to);
  }
};

// src/dedup/image-digest.ts
var DIGEST_BYTES = 16;
var LINK_BYTES = 4096;
var ImageDigest = class {
  constructor(kernels, pageBytes) {
    this.kernels = kernels;
    this.link = kernels.reserve(LINK_BYTES, "image digest");
    this.zeroPage = kernels.reserve(DIGEST_BYTES, "zero page digest");
    const page = kernels.reserve(pageBytes, "zero page");
    kernels.bytes.fill(0, page, page + pageBytes);
    kernels.run.hash128(page, pageBytes, 0, 0, this.zeroPage);
  }
  kernels;
  link;
  used = DIGEST_BYTES;
  zeroPage;
  /** Starts an image. */
  start() {
    this.kernels.bytes.fill(0, this.link, this.link + DIGEST_BYTES);
    this.used = DIGEST_BYTES;
  }
  /** Where the digest of a zero page stands. */
  get zeroPageDigest() {
    return this.zeroPage;
  }
  /** Takes the digests of the next `count` pages, which stand at `digests`. */
  add(digests, count) {
    const { bytes } = this.kernels;
    for (let done = 0; done < count; ) {
      const fits = Math.min(count - done, (LINK_BYTES - this.used) / DIGEST_BYTES);
      const from = digests + done * DIGEST_BYTES;
      bytes.copyWithin(this.link + this.used, from, from + fits * DIGEST_BYTES);
      this.used += fits * DIGEST_BYTES;
      done += fits;
      if (this.used === LINK_BYTES) this.close();
    }
  }
  /** The image's digest. */
  finish(imageBytes) {
    if (this.used > DIGEST_BYTES) this.close();
    const { bytes, run } = this.kernels;
    const size = new DataView(bytes.buffer, this.link + DIGEST_BYTES, 8);
    size.setUint32(0, imageBytes % 2 ** 32, true);
    size.setUint32(4, Math.floor(imageBytes / 2 ** 32), true);
    run.hash128(this.link, DIGEST_BYTES + 8, 0, 0, this.link);
    return bytes.slice(this.link, this.link + DIGEST_BYTES);
  }
  close() {
    this.kernels.run.hash128(this.link, this.used, 0, 0, this.link);
    this.used = DIGEST_BYTES;
  }
};
function digestText(digest) {
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// src/stream/format.ts
var MAGIC = Uint8Array.of(137, 80, 70, 89, 13, 10, 26, 10);
var VERSION = 1;
var HEADER_BYTES2 = 24;
var RECORD_HEAD_BYTES = 24;
var TRAILER_MAGIC = new TextEncoder().encode("PFYINDEX");
var PAGE_BYTES = [4096, 16384, 65536];
var DIGEST_BYTES2 = 16;
var NO_IMAGE = 4294967295;
var MAX_NAME_BYTES = 1024;
var MAX_HEAD_BYTES = 1 << 20;
var MAX_IMAGES = Math.floor((MAX_HEAD_BYTES - 8) / (8 + DIGEST_BYTES2));
var MAX_TABLE_BYTES = 2 << 20;
var MAX_SEGMENTS = 8;
var RECORD = { IMAGE: 1, PAGES: 2, IMAGE_END: 3, END: 4, INDEX: 5, TRAILER: 6 };

// src/stream/wire.ts
var TWO_32 = 2 ** 32;
var WireWriter = class {
  buffer = new Uint8Array(1024);
  length = 0;
  /** What was written; valid until the next write. */
  get bytes() {
    return this.buffer.subarray(0, this.length);
  }
  clear() {
    this.length = 0;
  }
  u8(value) {
    this.grow(1);
    this.buffer[this.length++] = value;
  }
  u16(value) {
    this.u8(value);
    this.u8(value >>> 8);
  }
  u32(value) {
    this.grow(4);
    for (let shift = 0; shift < 32; shift += 8) this.buffer[this.length++] = value >>> shift;
  }
  /** A whole number up to 2^53 as 64 bits. */
  u64(value) {
    this.u32(value % TWO_32);
    this.u32(Math.floor(value / TWO_32));
  }
  /** ULEB128, up to 2^53. */
  count(value) {
    this.grow(8);
    let rest = value;
    while (rest >= 128) {
      this.buffer[this.length++] = rest & 127 | 128;
      rest = rest < TWO_32 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.buffer[this.length++] = rest;
  }
  put(bytes) {
    this.grow(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }
  grow(room) {
    if (this.length + room <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + room));
    larger.set(this.buffer);
    this.buffer = larger;
  }
};
var WireReader = class {
  constructor(bytes, what) {
    this.bytes = bytes;
    this.what = what;
  }
  bytes;
  what;
  next = 0;
  get left() {
    return this.bytes.length - this.next;
  }
  u8() {
    this.need(1);
    return this.bytes[this.next++];
  }
  u16() {
    return this.u8() | this.u8() << 8;
  }
  u32() {
    this.need(4);
    const at = this.next;
    this.next += 4;
    const b = this.bytes;
    return (b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24) >>> 0;
  }
  u64() {
    const low = this.u32();
    const value = this.u32() * TWO_32 + low;
    if (!Number.isSafeInteger(value)) throw this.bad("a number above 2^53");
    return value;
  }
  count() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (byte === 0 && shift > 0) throw this.bad("a number longer than it needs to be");
        break;
      }
      if (shift >= 49) throw this.bad("a number above 2^53");
    }
    if (!Number.isSafeInteger(value)) throw this.bad("a number above 2^53");
    return value;
  }
  take(count) {
    this.need(count);
    this.next += count;
    return this.bytes.subarray(this.next - count, this.next);
  }
  /** Zero bytes that are kept for later; anything else is of a later version. */
  reserved(count) {
    for (const byte of this.take(count)) if (byte !== 0) throw this.bad("a reserved byte that is not zero");
  }
  end() {
    if (this.left !== 0) throw this.bad(`${this.left} bytes too many`);
  }
  bad(found) {
    return new PageferryError("bad-stream", `${this.what}: ${found} at byte ${this.next}`);
  }
  need(count) {
    if (count > this.left)
      throw new PageferryError("bad-stream", `${this.what}: ends at byte ${this.bytes.length}, needs ${count - this.left} more`);
  }
};
function hex2(value) {
  return `0x${value.toString(16)}`;
}

// src/stream/image-records.ts
var UNKNOWN_BYTES = 4294967295;
var NO_DIGEST = new Uint8Array(DIGEST_BYTES2);
function nameBytes(name) {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > MAX_NAME_BYTES)
    throw new PageferryError("bad-argument", `image name: ${bytes.length} bytes, at most ${MAX_NAME_BYTES}`);
  return bytes;
}
function writeImage(to, record) {
  const name = nameBytes(record.name);
  to.u32(record.image);
  to.u8(record.kind === "base" ? 1 : 0);
  to.u8(0);
  to.u16(name.length);
  to.u32(record.parent ?? NO_IMAGE);
  to.u32(0);
  if (record.bytes === void 0) {
    to.u32(UNKNOWN_BYTES);
    to.u32(UNKNOWN_BYTES);
  } else to.u64(record.bytes);
  to.put(record.digest ?? NO_DIGEST);
  to.put(name);
}
function readImage(bytes, what) {
  const from = new WireReader(bytes, what);
  const image = from.u32();
  const kind = from.u8();
  const flags = from.u8();
  if (kind > 1 || flags !== 0)
    throw new PageferryError("unsupported", `${what}: kind ${kind}, flags ${hex2(flags)}: this reader knows kinds 0 and 1`);
  const nameLength = from.u16();
  const parent = from.u32();
  if (parent !== NO_IMAGE && parent >= image) throw from.bad(`parent ${parent} of image ${image}, which is not before it`);
  from.reserved(4);
  const size = bytes.subarray(16, 24);
  const unknown = size.length === 8 && size.every((byte) => byte === 255);
  let known;
  if (unknown) from.take(8);
  else known = from.u64();
  const digest = from.take(DIGEST_BYTES2).slice();
  const name = readName(from, nameLength);
  from.end();
  if (kind === 1 && known === void 0) throw from.bad("a base image of unknown size");
  if (kind === 1 && parent !== NO_IMAGE) throw from.bad("a base image with a parent");
  if (kind === 0 && digest.some((byte) => byte !== 0)) throw from.bad("a digest, which an image that is carried has at its end");
  return {
    image,
    kind: kind === 1 ? "base" : "carried",
    name,
    parent: parent === NO_IMAGE ? void 0 : parent,
    bytes: known,
    digest: kind === 1 ? digest : void 0
  };
}
function readName(from, length) {
  if (length > MAX_NAME_BYTES) throw from.bad(`a name of ${length} bytes, more than ${MAX_NAME_BYTES}`);
  const bytes = from.take(length);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw from.bad("a name that is not UTF-8");
  }
}
function writeImageEnd(to, image, end) {
  to.u32(image);
  to.u32(0);
  to.u64(end.bytes);
  to.put(end.digest);
}
function readImageEnd(bytes, what) {
  const from = new WireReader(bytes, what);
  const image = from.u32();
  from.reserved(4);
  const end = { image, bytes: from.u64(), digest: from.take(DIGEST_BYTES2).slice() };
  from.end();
  return end;
}
function writeEnd(to, images) {
  to.u32(images.length);
  to.u32(0);
  for (const image of images) {
    to.u64(image.bytes);
    to.put(image.digest);
  }
}
function readEnd(bytes, what) {
  const from = new WireReader(bytes, what);
  const count = from.u32();
  from.reserved(4);
  if (count * (8 + DIGEST_BYTES2) !== from.left) throw from.bad(`${count} images in ${from.left} bytes`);
  return Array.from({ length: count }, () => ({ bytes: from.u64(), digest: from.take(DIGEST_BYTES2).slice() }));
}

// src/stream/records.ts
function writeHeader(to, header2) {
  to.put(MAGIC);
  to.u16(VERSION);
  to.u16(0);
  to.u32(header2.pageBytes);
  to.u32(header2.maxFrameBytes);
}
function readHeader(bytes, check) {
  if (MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new PageferryError("bad-stream", "not a pageferry stream: it does not begin with the magic");
  const from = new WireReader(bytes.subarray(MAGIC.length), "stream header");
  const version = from.u16();
  if (version !== VERSION)
    throw new PageferryError("unsupported", `stream version ${version}: this reader knows version ${VERSION}`);
  const flags = from.u16();
  const pageBytes = from.u32();
  const maxFrameBytes = from.u32();
  const stored = from.u32();
  const computed = check(bytes.subarray(0, HEADER_BYTES2 - 4));
  if (stored !== computed)
    throw new PageferryError("bad-stream", `stream header: check is ${hex2(stored)}, its bytes give ${hex2(computed)}`);
  if (flags !== 0) throw new PageferryError("unsupported", `stream flags ${hex2(flags)}: this reader knows none`);
  if (!PAGE_BYTES.includes(pageBytes))
    throw new PageferryError("unsupported", `page size ${pageBytes}: expected one of ${PAGE_BYTES.join(", ")}`);
  return { pageBytes, maxFrameBytes };
}
function recordSeed(type, ordinal, headBytes, dataBytes) {
  return [(headBytes ^ type << 24) >>> 0, (Math.imul(ordinal + 1, 2654435761) ^ dataBytes) >>> 0];
}
function writeRecordHead(to, head) {
  to.u8(head.type);
  to.u8(0);
  to.u16(0);
  to.u32(head.headBytes);
  to.u32(head.dataBytes);
  to.u32(0);
  to.u32(head.check[0]);
  to.u32(head.check[1]);
}
function readRecordHead(bytes, what) {
  const from = new WireReader(bytes, what);
  const type = from.u8();
  if (type < RECORD.IMAGE || type > RECORD.TRAILER)
    throw new PageferryError("unsupported", `${what}: type ${type}, this reader knows 1 \u2026 ${RECORD.TRAILER}`);
  from.reserved(3);
  const headBytes = from.u32();
  const dataBytes = from.u32();
  from.reserved(4);
  if (headBytes > MAX_HEAD_BYTES) throw from.bad(`a head of ${headBytes} bytes, more than ${MAX_HEAD_BYTES}`);
  if (dataBytes > 0 && type !== RECORD.PAGES) throw from.bad("data behind a record that has none");
  return { type, headBytes, dataBytes, check: [from.u32(), from.u32()] };
}
function writeFrameHead(to, head) {
  to.u32(head.image);
  to.u32(head.pageCount);
  to.u64(head.firstPage);
  to.u32(head.lastPageBytes);
  to.u8(head.segments.length);
  to.u8(0);
  to.u16(0);
  for (const segment of head.segments) {
    to.u8(segment.packing);
    to.u8(0);
    to.u16(0);
    to.u32(segment.bytes);
    to.u32(segment.packedBytes);
    to.u32(segment.check[0]);
    to.u32(segment.check[1]);
  }
}
function readFrameHead(bytes, what) {
  const from = new WireReader(bytes, what);
  const image = from.u32();
  const pageCount = from.u32();
  const firstPage = from.u64();
  const lastPageBytes = from.u32();
  const segmentCount = from.u8();
  from.reserved(3);
  if (pageCount === 0) throw from.bad("a frame of no pages");
  if (segmentCount < 1 || segmentCount > MAX_SEGMENTS) throw from.bad(`${segmentCount} segments, expected 1 \u2026 ${MAX_SEGMENTS}`);
  const segments = [];
  for (let i = 0; i < segmentCount; i++) {
    const packing = from.u8();
    from.reserved(3);
    segments.push({ packing, bytes: from.u32(), packedBytes: from.u32(), check: [from.u32(), from.u32()] });
  }
  from.end();
  return { image, pageCount, firstPage, lastPageBytes, segments };
}
function writeIndexEntry(to, entry) {
  to.count(entry.image);
  to.count(entry.firstPage);
  to.count(entry.pageCount);
  to.count(entry.offset);
  to.count(entry.ordinal);
}
function readIndex(bytes, what) {
  const from = new WireReader(bytes, what);
  const entries = [];
  while (from.left > 0) {
    entries.push({
      image: from.count(),
      firstPage: from.count(),
      pageCount: from.count(),
      offset: from.count(),
      ordinal: from.count()
    });
  }
  return entries;
}
function writeTrailer(to, indexOffset) {
  to.u64(indexOffset);
  to.put(TRAILER_MAGIC);
}
function readTrailer(bytes, what) {
  const from = new WireReader(bytes, what);
  const offset = from.u64();
  const magic = from.take(TRAILER_MAGIC.length);
  if (TRAILER_MAGIC.some((byte, i) => magic[i] !== byte)) throw from.bad("no trailer magic");
  from.end();
  return offset;
}

// src/codec/fill.ts
var fill = { name: "fill", wireId: 2, operands: { fill: true }, base: "none" };

// src/kernels/status.ts
var STATUS = {
  NO_ROOM: -1,
  TRUNCATED: -2,
  OVERRUN: -3,
  BAD_TOKEN: -4,
  SHORT: -5,
  TRAILING: -6
};
var TEXT = /* @__PURE__ */ new Map([
  [STATUS.NO_ROOM, "does not fit the room given"],
  [STATUS.TRUNCATED, "ends in the middle of a token"],
  [STATUS.OVERRUN, "would write past the end of the page"],
  [STATUS.BAD_TOKEN, "holds a token that no encoder writes"],
  [STATUS.SHORT, "ends before the page is full"],
  [STATUS.TRAILING, "goes on after the page is full"]
]);
function statusText(status) {
  return TEXT.get(status) ?? `failed with status ${status}`;
}

// src/codec/lz4.ts
var LZ4_BLOCK_BYTES = 65536;
var STORED = 2147483648;
var lz4 = {
  name: "lz4",
  wireId: 10,
  operands: { bytes: "own" },
  base: "none",
  encode: ({ kernels, lz4Scratch }, page, pageBytes, out, capacity) => kernels.run.lz4Encode(page, pageBytes, out, capacity, lz4Scratch),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) => kernels.run.lz4Decode(coded, codedBytes, page, pageBytes)
};
function packedLz4Capacity(bytes) {
  return bytes + 4 * Math.ceil(bytes / LZ4_BLOCK_BYTES);
}
function packLz4({ kernels, lz4Scratch }, segment, bytes, out) {
  let end = out;
  for (let done = 0; done < bytes; done += LZ4_BLOCK_BYTES) {
    const blockBytes = Math.min(LZ4_BLOCK_BYTES, bytes - done);
    const block = segment + done;
    let coded = kernels.run.lz4Encode(block, blockBytes, end + 4, blockBytes - 1, lz4Scratch);
    let length = coded;
    if (coded < 0) {
      kernels.bytes.copyWithin(end + 4, block, block + blockBytes);
      coded = blockBytes;
      length = (STORED | blockBytes) >>> 0;
    }
    writeU32(kernels.bytes, end, length);
    end += 4 + coded;
  }
  return end - out;
}
function unpackLz4({ kernels }, packed, packedBytes, out, bytes) {
  let left = packedBytes;
  let next = packed;
  for (let done = 0; done < bytes; done += LZ4_BLOCK_BYTES) {
    if (left < 4) return STATUS.TRUNCATED;
    const length = readU32(kernels.bytes, next);
    const coded = length & ~STORED;
    next += 4;
    left -= 4;
    if (coded > left) return STATUS.TRUNCATED;
    const blockBytes = Math.min(LZ4_BLOCK_BYTES, bytes - done);
    if (length >= STORED) {
      if (coded !== blockBytes) return STATUS.BAD_TOKEN;
      kernels.bytes.copyWithin(out + done, next, next + coded);
    } else {
      const status = kernels.run.lz4Decode(next, coded, out + done, blockBytes);
      if (status < 0) return status;
    }
    next += coded;
    left -= coded;
  }
  return left === 0 ? bytes : STATUS.TRAILING;
}
function writeU32(bytes, at, value) {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
function readU32(bytes, at) {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}

// src/codec/raw.ts
var raw = {
  name: "raw",
  wireId: 0,
  operands: { bytes: "page" },
  base: "none",
  encode({ kernels }, page, pageBytes, out, capacity) {
    if (pageBytes > capacity) return STATUS.NO_ROOM;
    kernels.bytes.copyWithin(out, page, page + pageBytes);
    return pageBytes;
  },
  decode({ kernels }, coded, codedBytes, page, pageBytes) {
    if (codedBytes < pageBytes) return STATUS.SHORT;
    if (codedBytes > pageBytes) return STATUS.TRAILING;
    kernels.bytes.copyWithin(page, coded, coded + pageBytes);
    return pageBytes;
  }
};

// src/codec/rle.ts
var rle = {
  name: "rle",
  wireId: 5,
  operands: { bytes: "own" },
  base: "none",
  encode: ({ kernels }, page, pageBytes, out, capacity) => kernels.run.rleEncode(page, pageBytes, out, capacity),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) => kernels.run.rleDecode(coded, codedBytes, page, pageBytes)
};

// src/codec/same-as.ts
var sameAs = { name: "same-as", wireId: 3, operands: { reference: true }, base: "none" };

// src/codec/xbzrle.ts
var xbzrle = {
  name: "xbzrle",
  wireId: 7,
  operands: { bytes: "own" },
  base: "last version",
  encode: ({ kernels }, page, pageBytes, out, capacity, base) => kernels.run.xbzrleEncode(base, page, pageBytes, out, capacity),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) => kernels.run.xbzrleDecode(coded, codedBytes, page, pageBytes)
};

// src/codec/similar.ts
var similar = {
  name: "similar",
  wireId: 8,
  operands: { reference: true, bytes: "own" },
  base: "other page",
  encode: xbzrle.encode,
  decode: xbzrle.decode
};

// src/codec/unchanged.ts
var unchanged = { name: "unchanged", wireId: 4, operands: {}, base: "last version" };

// src/codec/wkdm.ts
var wkdm = {
  name: "wkdm",
  wireId: 9,
  operands: { bytes: "own" },
  base: "none",
  encode: ({ kernels, wkdmScratch }, page, pageBytes, out, capacity) => kernels.run.wkdmEncode(page, pageBytes, out, capacity, wkdmScratch),
  decode: ({ kernels, wkdmScratch }, coded, codedBytes, page, pageBytes) => kernels.run.wkdmDecode(coded, codedBytes, page, pageBytes, wkdmScratch)
};

// src/codec/zero.ts
var zero = { name: "zero", wireId: 1, operands: {}, base: "none" };

// src/codec/zero-aware.ts
var zeroAware = {
  name: "zero-aware",
  wireId: 6,
  operands: { bytes: "own" },
  base: "none",
  encode: ({ kernels }, page, pageBytes, out, capacity) => kernels.run.zeroAwareEncode(page, pageBytes, out, capacity),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) => kernels.run.zeroAwareDecode(coded, codedBytes, page, pageBytes)
};

// src/codec/registry.ts
var CODECS = [raw, zero, fill, sameAs, unchanged, rle, zeroAware, xbzrle, similar, wkdm, lz4, zstd];
var BY_NAME = new Map(CODECS.map((codec) => [codec.name, codec]));
function codecByName(name) {
  const codec = BY_NAME.get(name);
  if (!codec)
    throw new PageferryError("bad-argument", `unknown codec "${name}": expected one of ${[...BY_NAME.keys()].join(", ")}`);
  return codec;
}
function codecByWireId(wireId) {
  const codec = CODECS[wireId];
  if (!codec) throw new PageferryError("unsupported", `codec id ${wireId}: this version knows 0 \u2026 ${CODECS.length - 1}`);
  return codec;
}
function isCodecName(name) {
  return BY_NAME.has(name);
}

// src/engine/counters.ts
function emptyCounts() {
  return Object.fromEntries(CODECS.map(({ name }) => [name, { pages: 0, bytes: 0 }]));
}
function usedCounts(counts) {
  const used = Object.entries(counts).filter(([, { pages }]) => pages > 0);
  return Object.fromEntries(used.map(([name, { pages, bytes }]) => [name, { pages, bytes: Math.round(bytes) }]));
}
function addCounts(to, more) {
  for (const { name } of CODECS) {
    to[name].pages += more[name].pages;
    to[name].bytes += more[name].bytes;
  }
}

// src/engine/base.ts
function digestBase(context, source) {
  const { kernels, pageBytes, chunk, digests, digest } = context;
  if (!source.readAt) throw new PageferryError("bad-argument", `${source.name}: a base image must be readable anywhere`);
  digest.start();
  let bytes = 0;
  for (; ; ) {
    const got = source.readAt(kernels.bytes.subarray(chunk, chunk + CHUNK_BYTES), bytes);
    let pages = 0;
    for (let from = 0; from < got; from += pageBytes) {
      const pageEnd = Math.min(pageBytes, got - from);
      kernels.run.hash128(chunk + from, pageEnd, 0, 0, digests + 16 * pages++);
    }
    digest.add(digests, pages);
    bytes += got;
    if (got < CHUNK_BYTES) return { source, bytes, digest: digest.finish(bytes) };
  }
}

// src/engine/image-decoder.ts
var ImageDecoder = class {
  constructor(context, image, sink) {
    this.context = context;
    this.image = image;
    this.sink = sink;
    context.digest.start();
  }
  context;
  image;
  sink;
  nextPage = 0;
  partialBytes = 0;
  /** Pages that stand in the chunk, not yet in the sink. */
  held = 0;
  heldBytes = 0;
  /** Decodes a frame's pages. @throws PageferryError */
  frame(head, data, dataBytes, what) {
    const { context, image } = this;
    const { pageBytes, frames } = context;
    if (head.firstPage !== this.nextPage)
      throw new PageferryError("bad-stream", `${what}: begins at page ${head.firstPage}, expected ${this.nextPage}`);
    if (this.partialBytes !== 0)
      throw new PageferryError("bad-stream", `${what}: follows the image's last page, which has ${this.partialBytes} bytes`);
    if (!(head.lastPageBytes >= 1 && head.lastPageBytes <= pageBytes))
      throw new PageferryError("bad-stream", `${what}: last page of ${head.lastPageBytes} bytes, expected 1 \u2026 ${pageBytes}`);
    const end = (head.firstPage + head.pageCount - 1) * pageBytes + head.lastPageBytes;
    const announced = image.record.bytes;
    if (announced !== void 0 && end > announced)
      throw new PageferryError("bad-stream", `${what}: reaches byte ${end}, the image has ${announced}`);
    frames.open(head, data, dataBytes, image.record.parent ?? 0, what);
    const table = frames.table;
    const partial = head.lastPageBytes < pageBytes ? head.lastPageBytes : 0;
    let left = head.pageCount;
    while (left > 0) {
      const entry = table.next();
      const { name } = entry.codec;
      const run = name === "zero" || name === "unchanged" ? Math.min(1 + table.sameRun(), left) : 1;
      table.skip(run - 1);
      left -= run;
      const lastBytes = left === 0 && partial !== 0 ? partial : pageBytes;
      context.counts[name].pages += run;
      if (context.observe) this.tell(context.observe, entry, run, head);
      if (name === "zero") this.zeros(run, lastBytes);
      else if (name === "unchanged") this.unchanged(run, lastBytes);
      else this.page(entry, lastBytes);
    }
    frames.close();
    if (partial !== 0) this.partialBytes = partial;
  }
  tell(observe, { codec, segment }, pages, { segments }) {
    const packed = codec.operands.bytes ? segments[segment] : void 0;
    observe(
      this.image.record.image,
      this.nextPage,
      pages,
      codec.name,
      packed && codecByWireId(packed.packing).name
    );
  }
  /** Everything goes to the sink; returns the image's bytes. */
  flush() {
    this.release();
    return this.image.bytes;
  }
  zeros(run, lastBytes) {
    this.release();
    const { pageBytes, digest, zeroDigests, kernels, digests, chunk } = this.context;
    const bytes = (run - 1) * pageBytes + lastBytes;
    const perChunk = CHUNK_BYTES / pageBytes;
    let whole2 = lastBytes === pageBytes ? run : run - 1;
    for (; whole2 > 0; whole2 -= perChunk) digest.add(zeroDigests, Math.min(whole2, perChunk));
    if (lastBytes !== pageBytes) {
      kernels.bytes.fill(0, chunk, chunk + lastBytes);
      kernels.run.hash128(chunk, lastBytes, 0, 0, digests);
      digest.add(digests, 1);
    }
    this.sink.zero(this.image.bytes, bytes);
    this.image.bytes += bytes;
    this.nextPage += run;
  }
  /** The parent's pages, as many at once as the chunk has room for. */
  unchanged(run, lastBytes) {
    const { parent } = this.image.record;
    const { pageBytes } = this.context;
    if (parent === void 0)
      throw new PageferryError("bad-stream", `page ${this.nextPage}: unchanged, but its image has no parent`);
    for (let left = run; left > 0; ) {
      const at = this.room();
      const count = Math.min(left, CHUNK_BYTES / pageBytes - this.held);
      const bytes = left === count ? (count - 1) * pageBytes + lastBytes : count * pageBytes;
      this.readEarlier(parent, this.nextPage, at, bytes);
      left -= count;
      for (let i = 0; i < count; i++) this.hold(i === count - 1 ? bytes - i * pageBytes : pageBytes);
    }
  }
  page(entry, bytes) {
    const { context } = this;
    const at = this.room();
    const { codec } = entry;
    const page = this.nextPage;
    if (codec.name === "fill") context.kernels.bytes.fill(entry.fill, at, at + bytes);
    else if (codec.name === "same-as") this.readEarlier(entry.image, entry.page, at, bytes);
    else {
      if (codec.base === "other page") this.readEarlier(entry.image, entry.page, at, bytes);
      if (codec.base === "last version") {
        const { parent } = this.image.record;
        if (parent === void 0)
          throw new PageferryError("bad-stream", `page ${page}: ${codec.name}, but its image has no parent`);
        this.readEarlier(parent, page, at, bytes);
      }
      context.frames.decodePage(entry, at, bytes, `page ${page}`);
    }
    this.hold(bytes);
  }
  /** Puts `bytes` bytes from page `page` of `image` to `at`. */
  readEarlier(image, page, at, bytes) {
    const { context } = this;
    const { kernels, pageBytes } = context;
    const known = context.images[image];
    const from = page * pageBytes;
    if (!known || from + bytes > known.bytes + (known === this.image ? this.heldBytes : 0))
      throw new PageferryError(
        "bad-stream",
        `page ${this.nextPage}: refers to page ${page} of image ${image}, which is not before it`
      );
    if (known === this.image && from >= known.bytes) {
      const held = context.chunk + from - known.bytes;
      kernels.bytes.copyWithin(at, held, held + bytes);
      return;
    }
    const got = known.readAt(kernels.bytes.subarray(at, at + bytes), from);
    if (got !== bytes) throw new PageferryError("io", `image ${image}: expected ${bytes} bytes at ${from}, got ${got}`);
  }
  /** Where the next page goes. */
  room() {
    if (this.held === CHUNK_BYTES / this.context.pageBytes) this.release();
    return this.context.chunk + this.heldBytes;
  }
  /** The page at the end of the chunk is done. */
  hold(bytes) {
    const { kernels, chunk, digests } = this.context;
    kernels.run.hash128(chunk + this.heldBytes, bytes, 0, 0, digests + 16 * this.held);
    this.held++;
    this.heldBytes += bytes;
    this.nextPage++;
  }
  release() {
    if (this.held === 0) return;
    const { kernels, chunk, digest, digests } = this.context;
    this.sink.write(kernels.bytes.subarray(chunk, chunk + this.heldBytes), this.image.bytes);
    digest.add(digests, this.held);
    this.image.bytes += this.heldBytes;
    this.held = 0;
    this.heldBytes = 0;
  }
};

// src/engine/decoded-images.ts
var DecodedImages = class {
  constructor(context, known, openSink, baseSources, maxBytes) {
    this.context = context;
    this.known = known;
    this.openSink = openSink;
    this.baseSources = baseSources;
    this.maxBytes = maxBytes;
  }
  context;
  known;
  openSink;
  baseSources;
  maxBytes;
  ends = [];
  sinks = [];
  current;
  claimed = 0;
  /** Digested when the first base image is announced. */
  bases;
  /** The carried images. */
  get summaries() {
    return this.known.flatMap(({ record }, i) => record.kind === "base" ? [] : [{ name: record.name, ...this.ends[i] }]);
  }
  /** Gives every image its name. */
  async finish() {
    for (const { sink, bytes } of this.sinks) await sink.finish(bytes);
    this.sinks.length = 0;
  }
  /** Leaves nothing behind. */
  abort() {
    for (const { sink } of this.sinks.splice(0)) {
      try {
        sink.abort();
      } catch {
      }
    }
  }
  /** An image is announced. */
  begin(record, what) {
    if (this.current)
      throw new PageferryError("bad-stream", `${what}: an image begins before image ${this.current.image.record.image} ends`);
    if (record.image !== this.known.length)
      throw new PageferryError("bad-stream", `${what}: image ${record.image}, expected ${this.known.length}`);
    if (record.kind === "base") {
      this.takeBase(record);
      return;
    }
    this.claim(record.bytes ?? 0, record.name);
    const sink = this.openSink(record, this.sinks.length);
    this.sinks.push({ sink, bytes: 0 });
    const image = { record, bytes: 0, readAt: (into, position) => sink.readAt(into, position) };
    this.known.push(image);
    this.current = new ImageDecoder(this.context, image, sink);
  }
  takeBase(record) {
    const wanted = digestText(record.digest);
    this.bases ??= this.baseSources.map((source2) => digestBase(this.context, source2));
    const base = this.bases.find(({ digest }) => digestText(digest) === wanted);
    if (!base || base.bytes !== record.bytes) {
      const had = this.bases.map(({ source: source2, digest }) => `${source2.name} (${digestText(digest)})`).join(", ") || "none";
      throw new PageferryError("wrong-base", `needs the base image "${record.name}" with digest ${wanted}; given: ${had}`);
    }
    const { source } = base;
    this.known.push({ record, bytes: base.bytes, readAt: (into, position) => source.readAt(into, position) });
    this.ends.push({ bytes: base.bytes, digest: base.digest });
  }
  /** A frame of pages, whose data stands at `data`. */
  pages(frame, data, dataBytes, what) {
    const { current } = this;
    if (!current || frame.image !== current.image.record.image)
      throw new PageferryError("bad-stream", `${what}: pages of image ${frame.image}, which is not open`);
    const { record, bytes } = current.image;
    if (record.bytes === void 0) {
      const end = (frame.firstPage + frame.pageCount - 1) * this.context.pageBytes + frame.lastPageBytes;
      this.claim(end - bytes, record.name);
    }
    current.frame(frame, data, dataBytes, `${what}, image ${frame.image}`);
    current.flush();
  }
  /** The open image ends: it has to be what was sent. */
  endImage(end, what) {
    const { current } = this;
    if (!current || end.image !== current.image.record.image)
      throw new PageferryError("bad-stream", `${what}: ends image ${end.image}, which is not open`);
    const { record, bytes } = current.image;
    if (end.bytes !== bytes || record.bytes !== void 0 && record.bytes !== bytes)
      throw new PageferryError(
        "bad-stream",
        `${what}: image ${end.image} has ${bytes} bytes, announced were ${record.bytes ?? end.bytes}`
      );
    const digest = this.context.digest.finish(bytes);
    if (digestText(digest) !== digestText(end.digest))
      throw new PageferryError(
        "not-identical",
        `image ${end.image} "${record.name}": digest ${digestText(digest)}, sent was ${digestText(end.digest)}`
      );
    this.ends.push({ bytes, digest });
    this.sinks[this.sinks.length - 1].bytes = bytes;
    this.current = void 0;
  }
  /** The stream ends: its images have to be those that were decoded. */
  end(ends, what) {
    if (this.current)
      throw new PageferryError("bad-stream", `${what}: the stream ends before image ${this.current.image.record.image}`);
    const same = ends.length === this.ends.length && ends.every(({ bytes, digest }, i) => {
      const known = this.ends[i];
      return known.bytes === bytes && digestText(known.digest) === digestText(digest);
    });
    if (!same) throw new PageferryError("not-identical", `${what}: its images are not those that were decoded`);
  }
  claim(bytes, name) {
    this.claimed += bytes;
    if (this.claimed > this.maxBytes)
      throw new PageferryError(
        "limit",
        `image "${name}": images of ${this.claimed} bytes and more, this reader takes ${this.maxBytes}`
      );
  }
};

// src/stream/table.ts
var TableWriter = class {
  table = new WireWriter();
  operands = new WireWriter();
  codec;
  segment = 0;
  count = 0;
  expectedPage = 0;
  expectedImage = 0;
  /** Bytes so far, without the last run's head. */
  get length() {
    return this.table.length + this.operands.length;
  }
  start(firstPage, parent) {
    this.table.clear();
    this.operands.clear();
    this.codec = void 0;
    this.count = 0;
    this.expectedPage = firstPage;
    this.expectedImage = parent;
  }
  add(codec, count = 1, segment = 0) {
    if (codec !== this.codec || segment !== this.segment) {
      this.closeRun();
      this.codec = codec;
      this.segment = segment;
    }
    this.count += count;
  }
  addFill(codec, byte) {
    this.add(codec);
    this.operands.u8(byte);
  }
  addReference(codec, image, page, segment = 0) {
    this.add(codec, 1, segment);
    const step = page - this.expectedPage;
    const zigzag = step >= 0 ? 2 * step : -2 * step - 1;
    const other = image === this.expectedImage ? 0 : 1;
    this.operands.count(2 * zigzag + other);
    if (other) this.operands.count(image);
    this.expectedPage = page + 1;
    this.expectedImage = image;
  }
  /** The length of the page that was just added. */
  addLength(bytes) {
    this.operands.count(bytes);
  }
  finish() {
    this.closeRun();
    return this.table.bytes;
  }
  closeRun() {
    if (this.codec === void 0 || this.count === 0) return;
    this.table.u8(this.codec.wireId);
    this.table.count(this.count);
    if (this.codec.operands.bytes) this.table.u8(this.segment);
    this.table.put(this.operands.bytes);
    this.operands.clear();
    this.count = 0;
  }
};
var TableReader = class {
  constructor(table, what, pagesLeft, firstPage, parent) {
    this.pagesLeft = pagesLeft;
    this.wire = new WireReader(table, what);
    this.expectedPage = firstPage;
    this.expectedImage = parent;
  }
  pagesLeft;
  wire;
  runLeft = 0;
  entry = { codec: codecByWireId(0), segment: 0, fill: 0, image: 0, page: 0, bytes: 0 };
  expectedPage;
  expectedImage;
  /** The next page's entry; its codec stays for `sameRun()` more pages. */
  next() {
    const { entry, wire } = this;
    if (this.runLeft === 0) this.openRun();
    this.runLeft--;
    const { operands } = entry.codec;
    if (operands.fill) entry.fill = wire.u8();
    if (operands.reference) this.readReference();
    if (operands.bytes === "own") entry.bytes = wire.count();
    return entry;
  }
  /** How many pages of the same codec follow. */
  sameRun() {
    return this.runLeft;
  }
  /** Passes over pages of a run whose codec has no operands. */
  skip(pages) {
    this.runLeft -= pages;
  }
  end() {
    if (this.pagesLeft !== 0) throw this.wire.bad(`${this.pagesLeft} pages too few`);
    this.wire.end();
  }
  openRun() {
    const { entry, wire } = this;
    entry.codec = codecByWireId(wire.u8());
    if (entry.codec.name === "zstd") throw wire.bad('"zstd" is no codec for a page');
    this.runLeft = wire.count();
    if (this.runLeft === 0 || this.runLeft > this.pagesLeft)
      throw wire.bad(`a run of ${this.runLeft} pages where ${this.pagesLeft} are left`);
    this.pagesLeft -= this.runLeft;
    entry.segment = entry.codec.operands.bytes ? wire.u8() : 0;
  }
  readReference() {
    const { entry, wire } = this;
    const coded = wire.count();
    const zigzag = Math.floor(coded / 2);
    const step = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    entry.page = this.expectedPage + step;
    if (entry.page < 0 || !Number.isSafeInteger(entry.page)) throw wire.bad(`a reference to page ${entry.page}`);
    entry.image = coded % 2 === 1 ? wire.count() : this.expectedImage;
    this.expectedPage = entry.page + 1;
    this.expectedImage = entry.image;
  }
};

// src/engine/frame-decoder.ts
function packedLimit(frameBytes2) {
  return frameBytes2 + (frameBytes2 >>> 8) + 65536;
}
var FrameDecoder = class {
  constructor(context, zstd2, maxFrameBytes) {
    this.context = context;
    this.zstd = zstd2;
    this.maxFrameBytes = maxFrameBytes;
    this.unpacked = context.kernels.reserve(maxFrameBytes + 4096, "unpacked frame");
    this.check = context.kernels.reserve(16, "check");
  }
  context;
  zstd;
  maxFrameBytes;
  unpacked;
  check;
  segments = [];
  what = "";
  /** The frame's pages, in order. */
  table;
  /** Takes the stream's own limit, which is not above this reader's. */
  announced(maxFrameBytes) {
    this.maxFrameBytes = maxFrameBytes;
  }
  /** Opens a frame whose data stands at `data`. @throws PageferryError `bad-stream` | `limit` | `unsupported` */
  open(head, data, dataBytes, expectedImage, what) {
    this.what = what;
    const packedBytes = head.segments.reduce((sum, segment) => sum + segment.packedBytes, 0);
    if (packedBytes !== dataBytes) throw this.bad(`segments of ${packedBytes} bytes in ${dataBytes} bytes of data`);
    const bytes = head.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    if (bytes > this.maxFrameBytes)
      throw this.bad(`unpacks to ${bytes} bytes, more than the ${this.maxFrameBytes} that its stream announced`);
    const tableBytes = head.segments[0].bytes;
    if (tableBytes > MAX_TABLE_BYTES) throw this.bad(`a table of ${tableBytes} bytes, more than ${MAX_TABLE_BYTES}`);
    let from = data;
    let to = this.unpacked;
    this.segments = head.segments.map((segment, i) => {
      const at2 = this.unpack(segment, from, to, `${what}, segment ${i}`);
      from += segment.packedBytes;
      to += segment.bytes;
      return { at: at2, bytes: segment.bytes, next: 0 };
    });
    const { at } = this.segments[0];
    const table = this.context.kernels.bytes.subarray(at, at + tableBytes);
    this.table = new TableReader(table, `${what}, table`, head.pageCount, head.firstPage, expectedImage);
    this.segments[0].next = tableBytes;
  }
  /** Decodes a page that has bytes to `page`, where its base stands already if its codec has one. */
  decodePage(entry, page, pageBytes, where) {
    const { codec } = entry;
    const segment = this.segments[entry.segment];
    if (!segment || entry.segment === 0) throw this.bad(`${where}: segment ${entry.segment} of ${this.segments.length}`);
    const bytes = codec.operands.bytes === "own" ? entry.bytes : pageBytes;
    if (bytes > segment.bytes - segment.next)
      throw this.bad(`${where}: needs ${bytes} bytes, its segment has ${segment.bytes - segment.next}`);
    this.decodeAt(codec, segment.at + segment.next, bytes, page, pageBytes, where);
    segment.next += bytes;
  }
  /** Decodes coded bytes that stand at `coded`. */
  decodeAt(codec, coded, codedBytes, page, pageBytes, where) {
    if (!codec.decode) throw this.bad(`${where}: "${codec.name}" is no codec for a page`);
    const status = codec.decode(this.context, coded, codedBytes, page, pageBytes);
    if (status !== pageBytes) throw this.bad(`${where}: ${codec.name} ${statusText(status)}`);
  }
  /** The bytes of an unpacked segment; good until the next frame is opened. */
  segment(number) {
    const { at, bytes } = this.segments[number];
    return this.context.kernels.bytes.subarray(at, at + bytes);
  }
  /** The frame is done: nothing may be left over. */
  close() {
    this.table.end();
    this.segments.forEach(({ bytes, next }, i) => {
      if (next !== bytes) throw this.bad(`segment ${i}: ${bytes - next} bytes too many`);
    });
  }
  /** Where the segment's bytes stand: as they came, or at `to`. */
  unpack(segment, from, to, what) {
    const { kernels } = this.context;
    const { packedBytes, bytes } = segment;
    kernels.run.hash64(from, packedBytes, 0, 0, this.check);
    const low = kernels.words[this.check >>> 2];
    const high = kernels.words[(this.check >>> 2) + 1];
    if (low !== segment.check[0] || high !== segment.check[1])
      throw new PageferryError("bad-stream", `${what}: damaged, its check does not match`);
    const { name } = codecByWireId(segment.packing);
    if (name === "raw") {
      if (packedBytes !== bytes) throw new PageferryError("bad-stream", `${what}: stored ${bytes} bytes in ${packedBytes}`);
      return from;
    }
    if (name === "lz4") {
      const status = unpackLz4(this.context, from, packedBytes, to, bytes);
      if (status !== bytes) throw new PageferryError("bad-stream", `${what}: lz4 ${statusText(status)}`);
    } else if (name === "zstd") this.unpackZstd(kernels.bytes.subarray(from, from + packedBytes), to, bytes, what);
    else throw new PageferryError("unsupported", `${what}: packed by "${name}", which packs no segments`);
    return to;
  }
  unpackZstd(frame, to, bytes, what) {
    if (!this.zstd) throw new PageferryError("unsupported", `${what}: packed by zstd, which is not available here`);
    let content;
    try {
      content = this.zstd.decompress(frame, bytes);
    } catch (error) {
      if (error instanceof PageferryError) throw new PageferryError(error.code, `${what}: ${error.message}`);
      throw new PageferryError("bad-stream", `${what}: zstd: ${error instanceof Error ? error.message : error}`);
    }
    if (content.length !== bytes)
      throw new PageferryError("bad-stream", `${what}: zstd gave ${content.length} bytes, expected ${bytes}`);
    this.context.kernels.bytes.set(content, to);
  }
  bad(found) {
    return new PageferryError("bad-stream", `${this.what}: ${found}`);
  }
};

// src/engine/intake.ts
var FIRST_HEAD_BYTES = 4096;
var Intake = class {
  constructor(kernels, data) {
    this.kernels = kernels;
    this.data = data;
    this.checked = kernels.reserve(MAX_HEAD_BYTES, "record head");
    this.result = kernels.reserve(16, "check");
  }
  kernels;
  data;
  headRoom = new Uint8Array(FIRST_HEAD_BYTES);
  checked;
  result;
  headBytes = 0;
  dataBytes = 0;
  got = 0;
  /** Bytes taken from the stream so far. */
  position = 0;
  get complete() {
    return this.got === this.headBytes + this.dataBytes;
  }
  /** The head; good until the next `expect`. */
  get head() {
    return this.headRoom.subarray(0, this.headBytes);
  }
  expect(headBytes, dataBytes = 0) {
    if (headBytes > this.headRoom.length) this.headRoom = new Uint8Array(headBytes);
    this.headBytes = headBytes;
    this.dataBytes = dataBytes;
    this.got = 0;
  }
  /** Takes what is still expected from `bytes`, from `from` on; returns how many bytes that were. */
  take(bytes, from) {
    const inHead = this.got < this.headBytes;
    const wanted = inHead ? this.headBytes - this.got : this.headBytes + this.dataBytes - this.got;
    const count = Math.min(wanted, bytes.length - from);
    const piece2 = bytes.subarray(from, from + count);
    if (inHead) this.headRoom.set(piece2, this.got);
    else this.kernels.bytes.set(piece2, this.data + this.got - this.headBytes);
    this.got += count;
    this.position += count;
    return count;
  }
  /** XXH3-64 of a head's bytes. */
  check(bytes, seed) {
    const { run, words } = this.kernels;
    this.kernels.bytes.set(bytes, this.checked);
    run.hash64(this.checked, bytes.length, seed[0], seed[1], this.result);
    return [words[this.result >>> 2], words[(this.result >>> 2) + 1]];
  }
};

// src/engine/decoder.ts
var Decoder = class {
  /** @internal Use {@link createDecoder}. */
  constructor(kernels, frames, data, openSink, limits, baseSources, observe) {
    this.kernels = kernels;
    this.frames = frames;
    this.data = data;
    this.openSink = openSink;
    this.limits = limits;
    this.baseSources = baseSources;
    this.observe = observe;
    this.intake = new Intake(kernels, data);
    this.intake.expect(HEADER_BYTES2);
  }
  kernels;
  frames;
  data;
  openSink;
  limits;
  baseSources;
  observe;
  intake;
  header;
  images;
  record;
  ordinal = 0;
  state = "images";
  counts = emptyCounts();
  failure;
  /**
   * Takes the stream's next bytes and decodes as far as they go.
   * @throws PageferryError what is wrong and where; every sink was told to abort
   */
  push(bytes) {
    if (this.failure !== void 0) throw this.failure;
    try {
      let from = 0;
      while (from < bytes.length) {
        if (this.state === "complete")
          throw new PageferryError("bad-stream", `byte ${this.intake.position}: goes on after its end`);
        from += this.intake.take(bytes, from);
        if (this.intake.complete) this.advance();
      }
    } catch (error) {
      this.fail(error);
    }
  }
  /** The stream's bytes are all there. Finishes the images. @throws PageferryError when the stream is not whole */
  async finish() {
    if (this.failure !== void 0) throw this.failure;
    try {
      if (this.state !== "complete")
        throw new PageferryError("bad-stream", `ends at byte ${this.intake.position}, in the middle: truncated ${this.where()}`);
      await this.images.finish();
    } catch (error) {
      this.fail(error);
    }
    const images = this.images.summaries;
    return {
      bytesIn: this.intake.position,
      bytesOut: images.reduce((sum, { bytes }) => sum + bytes, 0),
      pages: images.reduce((sum, { bytes }) => sum + Math.ceil(bytes / this.header.pageBytes), 0),
      images,
      codecs: usedCounts(this.counts)
    };
  }
  /** Gives up: leaves nothing behind. */
  abort() {
    this.failure ??= new PageferryError("bad-argument", "the decoder was aborted");
    this.images?.abort();
  }
  fail(error) {
    this.failure = error;
    this.abort();
    throw error;
  }
  where() {
    if (!this.header) return "in the stream header";
    return `${this.record ? `in record ${this.ordinal}` : `before record ${this.ordinal}`}${this.state === "ended" ? ", after the end record" : ""}`;
  }
  /** What was expected is there: header, record head, or a record's head and data. */
  advance() {
    const { intake } = this;
    if (!this.header) {
      this.open(readHeader(intake.head, (bytes) => this.intake.check(bytes, [0, 0])[0]));
      intake.expect(RECORD_HEAD_BYTES);
    } else if (!this.record) {
      const record = readRecordHead(intake.head, `record ${this.ordinal}`);
      if (record.dataBytes > packedLimit(this.header.maxFrameBytes))
        throw new PageferryError(
          "bad-stream",
          `record ${this.ordinal}: ${record.dataBytes} bytes of data, more than its stream announced`
        );
      this.record = record;
      intake.expect(record.headBytes, record.dataBytes);
      if (intake.complete) this.advance();
    } else {
      const { type, headBytes, dataBytes, check } = this.record;
      const [low, high] = intake.check(intake.head, recordSeed(type, this.ordinal, headBytes, dataBytes));
      if (low !== check[0] || high !== check[1])
        throw new PageferryError("bad-stream", `record ${this.ordinal}: damaged or out of place, its check does not match`);
      this.take(this.record, intake.head);
      this.record = void 0;
      this.ordinal++;
      intake.expect(RECORD_HEAD_BYTES);
    }
  }
  open(header2) {
    const { maxFrameBytes } = this.limits;
    if (header2.maxFrameBytes > maxFrameBytes)
      throw new PageferryError(
        "limit",
        `stream header: frames of up to ${header2.maxFrameBytes} bytes, this reader takes ${maxFrameBytes}`
      );
    this.header = header2;
    this.frames.announced(header2.maxFrameBytes);
    const { kernels } = this;
    const { pageBytes } = header2;
    const perChunk = CHUNK_BYTES / pageBytes;
    const digest = new ImageDigest(kernels, pageBytes);
    const zeroDigests = kernels.reserve(16 * perChunk, "zero digests");
    for (let i = 0; i < perChunk; i++)
      kernels.bytes.copyWithin(zeroDigests + 16 * i, digest.zeroPageDigest, digest.zeroPageDigest + 16);
    const images = [];
    const context = {
      kernels,
      pageBytes,
      frames: this.frames,
      digest,
      images,
      chunk: kernels.reserve(CHUNK_BYTES, "chunk"),
      digests: kernels.reserve(16 * perChunk, "digests"),
      zeroDigests,
      counts: this.counts,
      observe: this.observe
    };
    this.images = new DecodedImages(context, images, this.openSink, this.baseSources, this.limits.maxBytes);
  }
  take({ type, dataBytes }, head) {
    const what = `record ${this.ordinal}`;
    const allowed = this.state === "images" ? type < RECORD.INDEX : type >= RECORD.INDEX;
    if (!allowed)
      throw new PageferryError(
        "bad-stream",
        `${what}: type ${type} ${this.state === "images" ? "before" : "after"} the end record`
      );
    const images = this.images;
    if (type === RECORD.IMAGE) images.begin(readImage(head, what), what);
    else if (type === RECORD.PAGES) images.pages(readFrameHead(head, what), this.data, dataBytes, what);
    else if (type === RECORD.IMAGE_END) images.endImage(readImageEnd(head, what), what);
    else if (type === RECORD.END) {
      images.end(readEnd(head, what), what);
      this.state = "ended";
    } else if (type === RECORD.INDEX) readIndex(head, what);
    else {
      readTrailer(head, what);
      this.state = "complete";
    }
  }
};

// ../../work/main/node_modules/@assemblyscript/loader/index.js
var ID_OFFSET = -8;
var SIZE_OFFSET = -4;
var ARRAYBUFFER_ID = 1;
var STRING_ID = 2;
var ARRAYBUFFERVIEW = 1 << 0;
var ARRAY = 1 << 1;
var STATICARRAY = 1 << 2;
var VAL_ALIGN_OFFSET = 6;
var VAL_SIGNED = 1 << 11;
var VAL_FLOAT = 1 << 12;
var VAL_MANAGED = 1 << 14;
var ARRAYBUFFERVIEW_BUFFER_OFFSET = 0;
var ARRAYBUFFERVIEW_DATASTART_OFFSET = 4;
var ARRAYBUFFERVIEW_BYTELENGTH_OFFSET = 8;
var ARRAYBUFFERVIEW_SIZE = 12;
var ARRAY_LENGTH_OFFSET = 12;
var ARRAY_SIZE = 16;
var E_NO_EXPORT_TABLE = "Operation requires compiling with --exportTable";
var E_NO_EXPORT_RUNTIME = "Operation requires compiling with --exportRuntime";
var F_NO_EXPORT_RUNTIME = () => {
  throw Error(E_NO_EXPORT_RUNTIME);
};
var BIGINT = typeof BigUint64Array !== "undefined";
var THIS = /* @__PURE__ */ Symbol();
var STRING_SMALLSIZE = 192;
var STRING_CHUNKSIZE = 1024;
var utf16 = new TextDecoder("utf-16le", { fatal: true });
Object.hasOwn = Object.hasOwn || function(obj, prop) {
  return Object.prototype.hasOwnProperty.call(obj, prop);
};
function getStringImpl(buffer, ptr) {
  let len = new Uint32Array(buffer)[ptr + SIZE_OFFSET >>> 2] >>> 1;
  const wtf16 = new Uint16Array(buffer, ptr, len);
  if (len <= STRING_SMALLSIZE) return String.fromCharCode(...wtf16);
  try {
    return utf16.decode(wtf16);
  } catch {
    let str = "", off = 0;
    while (len - off > STRING_CHUNKSIZE) {
      str += String.fromCharCode(...wtf16.subarray(off, off += STRING_CHUNKSIZE));
    }
    return str + String.fromCharCode(...wtf16.subarray(off));
  }
}
function preInstantiate(imports) {
  const extendedExports = {};
  function getString(memory, ptr) {
    if (!memory) return "<yet unknown>";
    return getStringImpl(memory.buffer, ptr);
  }
  const env = imports.env = imports.env || {};
  env.abort = env.abort || function abort(msg, file, line, colm) {
    const memory = extendedExports.memory || env.memory;
    throw Error(`abort: ${getString(memory, msg)} at ${getString(memory, file)}:${line}:${colm}`);
  };
  env.trace = env.trace || function trace(msg, n, ...args) {
    const memory = extendedExports.memory || env.memory;
    console.log(`trace: ${getString(memory, msg)}${n ? " " : ""}${args.slice(0, n).join(", ")}`);
  };
  env.seed = env.seed || Date.now;
  imports.Math = imports.Math || Math;
  imports.Date = imports.Date || Date;
  return extendedExports;
}
function postInstantiate(extendedExports, instance) {
  const exports = instance.exports;
  const memory = exports.memory;
  const table = exports.table;
  const __new = exports.__new || F_NO_EXPORT_RUNTIME;
  const __pin = exports.__pin || F_NO_EXPORT_RUNTIME;
  const __unpin = exports.__unpin || F_NO_EXPORT_RUNTIME;
  const __collect = exports.__collect || F_NO_EXPORT_RUNTIME;
  const __rtti_base = exports.__rtti_base;
  const getTypeinfoCount = __rtti_base ? (arr) => arr[__rtti_base >>> 2] : F_NO_EXPORT_RUNTIME;
  extendedExports.__new = __new;
  extendedExports.__pin = __pin;
  extendedExports.__unpin = __unpin;
  extendedExports.__collect = __collect;
  function getTypeinfo(id) {
    const U32 = new Uint32Array(memory.buffer);
    if ((id >>>= 0) >= getTypeinfoCount(U32)) throw Error(`invalid id: ${id}`);
    return U32[(__rtti_base + 4 >>> 2) + id];
  }
  function getArrayInfo(id) {
    const info = getTypeinfo(id);
    if (!(info & (ARRAYBUFFERVIEW | ARRAY | STATICARRAY))) throw Error(`not an array: ${id}, flags=${info}`);
    return info;
  }
  function getValueAlign(info) {
    return 31 - Math.clz32(info >>> VAL_ALIGN_OFFSET & 31);
  }
  function __newString(str) {
    if (str == null) return 0;
    const length = str.length;
    const ptr = __new(length << 1, STRING_ID);
    const U16 = new Uint16Array(memory.buffer);
    for (let i = 0, p = ptr >>> 1; i < length; ++i) U16[p + i] = str.charCodeAt(i);
    return ptr;
  }
  extendedExports.__newString = __newString;
  function __newArrayBuffer(buf) {
    if (buf == null) return 0;
    const bufview = new Uint8Array(buf);
    const ptr = __new(bufview.length, ARRAYBUFFER_ID);
    const U8 = new Uint8Array(memory.buffer);
    U8.set(bufview, ptr);
    return ptr;
  }
  extendedExports.__newArrayBuffer = __newArrayBuffer;
  function __getString(ptr) {
    if (!ptr) return null;
    const buffer = memory.buffer;
    const id = new Uint32Array(buffer)[ptr + ID_OFFSET >>> 2];
    if (id !== STRING_ID) throw Error(`not a string: ${ptr}`);
    return getStringImpl(buffer, ptr);
  }
  extendedExports.__getString = __getString;
  function getView(alignLog2, signed, float) {
    const buffer = memory.buffer;
    if (float) {
      switch (alignLog2) {
        case 2:
          return new Float32Array(buffer);
        case 3:
          return new Float64Array(buffer);
      }
    } else {
      switch (alignLog2) {
        case 0:
          return new (signed ? Int8Array : Uint8Array)(buffer);
        case 1:
          return new (signed ? Int16Array : Uint16Array)(buffer);
        case 2:
          return new (signed ? Int32Array : Uint32Array)(buffer);
        case 3:
          return new (signed ? BigInt64Array : BigUint64Array)(buffer);
      }
    }
    throw Error(`unsupported align: ${alignLog2}`);
  }
  function __newArray(id, valuesOrCapacity = 0) {
    const input = valuesOrCapacity;
    const info = getArrayInfo(id);
    const align2 = getValueAlign(info);
    const isArrayLike = typeof input !== "number";
    const length = isArrayLike ? input.length : input;
    const buf = __new(length << align2, info & STATICARRAY ? id : ARRAYBUFFER_ID);
    let result;
    if (info & STATICARRAY) {
      result = buf;
    } else {
      __pin(buf);
      const arr = __new(info & ARRAY ? ARRAY_SIZE : ARRAYBUFFERVIEW_SIZE, id);
      __unpin(buf);
      const U32 = new Uint32Array(memory.buffer);
      U32[arr + ARRAYBUFFERVIEW_BUFFER_OFFSET >>> 2] = buf;
      U32[arr + ARRAYBUFFERVIEW_DATASTART_OFFSET >>> 2] = buf;
      U32[arr + ARRAYBUFFERVIEW_BYTELENGTH_OFFSET >>> 2] = length << align2;
      if (info & ARRAY) U32[arr + ARRAY_LENGTH_OFFSET >>> 2] = length;
      result = arr;
    }
    if (isArrayLike) {
      const view = getView(align2, info & VAL_SIGNED, info & VAL_FLOAT);
      const start = buf >>> align2;
      if (info & VAL_MANAGED) {
        for (let i = 0; i < length; ++i) {
          view[start + i] = input[i];
        }
      } else {
        view.set(input, start);
      }
    }
    return result;
  }
  extendedExports.__newArray = __newArray;
  function __getArrayView(arr) {
    const U32 = new Uint32Array(memory.buffer);
    const id = U32[arr + ID_OFFSET >>> 2];
    const info = getArrayInfo(id);
    const align2 = getValueAlign(info);
    let buf = info & STATICARRAY ? arr : U32[arr + ARRAYBUFFERVIEW_DATASTART_OFFSET >>> 2];
    const length = info & ARRAY ? U32[arr + ARRAY_LENGTH_OFFSET >>> 2] : U32[buf + SIZE_OFFSET >>> 2] >>> align2;
    return getView(align2, info & VAL_SIGNED, info & VAL_FLOAT).subarray(buf >>>= align2, buf + length);
  }
  extendedExports.__getArrayView = __getArrayView;
  function __getArray(arr) {
    const input = __getArrayView(arr);
    const len = input.length;
    const out = new Array(len);
    for (let i = 0; i < len; i++) out[i] = input[i];
    return out;
  }
  extendedExports.__getArray = __getArray;
  function __getArrayBuffer(ptr) {
    const buffer = memory.buffer;
    const length = new Uint32Array(buffer)[ptr + SIZE_OFFSET >>> 2];
    return buffer.slice(ptr, ptr + length);
  }
  extendedExports.__getArrayBuffer = __getArrayBuffer;
  function __getFunction(ptr) {
    if (!table) throw Error(E_NO_EXPORT_TABLE);
    const index = new Uint32Array(memory.buffer)[ptr >>> 2];
    return table.get(index);
  }
  extendedExports.__getFunction = __getFunction;
  function getTypedArray(Type, alignLog2, ptr) {
    return new Type(getTypedArrayView(Type, alignLog2, ptr));
  }
  function getTypedArrayView(Type, alignLog2, ptr) {
    const buffer = memory.buffer;
    const U32 = new Uint32Array(buffer);
    return new Type(
      buffer,
      U32[ptr + ARRAYBUFFERVIEW_DATASTART_OFFSET >>> 2],
      U32[ptr + ARRAYBUFFERVIEW_BYTELENGTH_OFFSET >>> 2] >>> alignLog2
    );
  }
  function attachTypedArrayFunctions(ctor, name, align2) {
    extendedExports[`__get${name}`] = getTypedArray.bind(null, ctor, align2);
    extendedExports[`__get${name}View`] = getTypedArrayView.bind(null, ctor, align2);
  }
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array
  ].forEach((ctor) => {
    attachTypedArrayFunctions(ctor, ctor.name, 31 - Math.clz32(ctor.BYTES_PER_ELEMENT));
  });
  if (BIGINT) {
    [BigUint64Array, BigInt64Array].forEach((ctor) => {
      attachTypedArrayFunctions(ctor, ctor.name.slice(3), 3);
    });
  }
  extendedExports.memory = extendedExports.memory || memory;
  extendedExports.table = extendedExports.table || table;
  return demangle(exports, extendedExports);
}
function isModule(src) {
  return src instanceof WebAssembly.Module;
}
function instantiateSync(source, imports = {}) {
  const module = isModule(source) ? source : new WebAssembly.Module(source);
  const extended = preInstantiate(imports);
  const instance = new WebAssembly.Instance(module, imports);
  const exports = postInstantiate(extended, instance);
  return { module, instance, exports };
}
function demangle(exports, extendedExports = {}) {
  const setArgumentsLength = exports["__argumentsLength"] ? (length) => {
    exports["__argumentsLength"].value = length;
  } : exports["__setArgumentsLength"] || exports["__setargc"] || (() => {
  });
  for (let internalName of Object.keys(exports)) {
    const elem = exports[internalName];
    let parts = internalName.split(".");
    let curr = extendedExports;
    while (parts.length > 1) {
      let part = parts.shift();
      if (!Object.hasOwn(curr, part)) curr[part] = {};
      curr = curr[part];
    }
    let name = parts[0];
    let hash = name.indexOf("#");
    if (hash >= 0) {
      const className = name.substring(0, hash);
      const classElem = curr[className];
      if (typeof classElem === "undefined" || !classElem.prototype) {
        const ctor = function(...args) {
          return ctor.wrap(ctor.prototype.constructor(0, ...args));
        };
        ctor.prototype = {
          valueOf() {
            return this[THIS];
          }
        };
        ctor.wrap = function(thisValue) {
          return Object.create(ctor.prototype, { [THIS]: { value: thisValue, writable: false } });
        };
        if (classElem) Object.getOwnPropertyNames(classElem).forEach(
          (name2) => Object.defineProperty(ctor, name2, Object.getOwnPropertyDescriptor(classElem, name2))
        );
        curr[className] = ctor;
      }
      name = name.substring(hash + 1);
      curr = curr[className].prototype;
      if (/^(get|set):/.test(name)) {
        if (!Object.hasOwn(curr, name = name.substring(4))) {
          let getter = exports[internalName.replace("set:", "get:")];
          let setter = exports[internalName.replace("get:", "set:")];
          Object.defineProperty(curr, name, {
            get() {
              return getter(this[THIS]);
            },
            set(value) {
              setter(this[THIS], value);
            },
            enumerable: true
          });
        }
      } else {
        if (name === "constructor") {
          (curr[name] = function(...args) {
            setArgumentsLength(args.length);
            return elem(...args);
          }).original = elem;
        } else {
          (curr[name] = function(...args) {
            setArgumentsLength(args.length);
            return elem(this[THIS], ...args);
          }).original = elem;
        }
      }
    } else {
      if (/^(get|set):/.test(name)) {
        if (!Object.hasOwn(curr, name = name.substring(4))) {
          Object.defineProperty(curr, name, {
            get: exports[internalName.replace("set:", "get:")],
            set: exports[internalName.replace("get:", "set:")],
            enumerable: true
          });
        }
      } else if (typeof elem === "function" && elem !== setArgumentsLength) {
        (curr[name] = (...args) => {
          setArgumentsLength(args.length);
          return elem(...args);
        }).original = elem;
      } else {
        curr[name] = elem;
      }
    }
  }
  return extendedExports;
}

// src/kernels/wasm.generated.ts
var KERNELS_BASE64 = "AGFzbQEAAAABhgERYAR/f39/AX9gBX9/f39/AGAFf39/f38Bf2AEf39/fwBgA39/fwBgBH9/fn8AYAJ/fwBgAn9/AX9gB39+e3t7e34BfmAGf3t7e3t+AX5gBXt7e3t+AX5gBX9/fn9/AGAGf39/f39/AX9gA39/fwF/YAABf2ADf39+AX5gCH9/f39/f39/AAIPAQNlbnYGbWVtb3J5AgABAygnBwEICQoLAwAMAgANAwMEDgEBDwUFBAEGAAEGAxAAAAIAAgIAAAIABmARfwBBwAALfwBBgIAEC38AQYCAAgt/AEGAmggLfwBB5QELfwBBAAt/AEGAAgt/AEEAC38AQQQLfwBBCAt/AEEMC38AQRALfwBBFAt/AEEYC38AQRwLfwBBIAt/AEGACgsHsAUsCWx6NERlY29kZQAmCWx6NEVuY29kZQAlCXJsZURlY29kZQAkCXJsZUVuY29kZQAjCndrZG1EZWNvZGUAIgp3a2RtRW5jb2RlACEMeGJ6cmxlRGVjb2RlACAMeGJ6cmxlRW5jb2RlAB8PemVyb0F3YXJlRGVjb2RlAB4PemVyb0F3YXJlRW5jb2RlAB0NaW5kZXhBZGRQYWdlcwAcCWluZGV4RmluZAAbCWluZGV4SW5pdAAaC2luZGV4SW5zZXJ0ABkKc2tldGNoRmluZAAYCnNrZXRjaEluaXQAFwxza2V0Y2hJbnNlcnQAFgpza2V0Y2hQYWdlABUGaGFzaDY0ABAHaGFzaDEyOAABDGhhc2gxMjhQYWdlcwARC3Byb2ZpbGVQYWdlAAwIZmlsbEJ5dGUAAApwYWdlc0VxdWFsAAsJc2NhblBhZ2VzAAoKU0xPVF9TTEFDSwMADk1BWF9QQUdFX0JZVEVTAwERTFo0X1NDUkFUQ0hfQllURVMDAhJXS0RNX1NDUkFUQ0hfQllURVMDAw9XS0RNX01VTFRJUExJRVIDBAxDTEFTU19OT1JNQUwDBQpDTEFTU19GSUxMAwYSUFJPRklMRV9aRVJPX1dPUkRTAwcWUFJPRklMRV9SRVBFQVRFRF9XT1JEUwMIGFBST0ZJTEVfRElDVElPTkFSWV9XT1JEUwMJDFBST0ZJTEVfUlVOUwMKEVBST0ZJTEVfUlVOX0JZVEVTAwsVUFJPRklMRV9DSEFOR0VEX0JZVEVTAwwUUFJPRklMRV9DSEFOR0VEX1JVTlMDDRdQUk9GSUxFX0VTVElNQVRFRF9CWVRFUwMOElBST0ZJTEVfWkVST19CWVRFUwMPDVBST0ZJTEVfQllURVMDEAhoZWFwQmFzZQAPBm1lbW9yeQIADAEFCvevASetBQMCewJ/AX4gAC0AACEFIAFBEEkEQEEBIQQCfwNAIAEgBEsEQEF/IAAgBGotAAAgBUcNAhogBEEBaiEEDAELCyAFCw8LIAWtQoGChIiQoMCAAX4iBiAAKQMAUgR/QQEFIAAgAUEBdmopAwAgBlILBH9BAQUgACABakEIaykDACAGUgsEQEF/DwsgBUF/IAUEfyAF/Q8hAiAAIAFqQRBrIQQgACABQYB/cWohAQJ/A0AgACABSQRAQQAgAP0ABAAgAv1RIAD9AAQQIAL9Uf1QIAD9AAQgIAL9USAA/QAEMCAC/VH9UP1QIAD9AARAIAL9USAA/QAEUCAC/VH9UCAA/QAEYCAC/VEgAP0ABHAgAv1R/VD9UP1Q/VMNAhogAEGAAWohAAwBCwsgBP0ABAAgAv1RIQMDQCAAIARJBEAgAyAA/QAEACAC/VH9UCEDIABBEGohAAwBCwsgA/1TRQsFIAAgAWpBEGshBCAAIAFBgH9xaiEFIAAgAUGAfnFqIQECfwNAIAAgAUkEQEEAIAD9AAQAIAD9AAQQ/VAgAP0ABCAgAP0ABDD9UP1QIAD9AASAASAA/QAEkAH9UCAA/QAEoAEgAP0ABLAB/VD9UP1QIAD9AARAIAD9AARQ/VAgAP0ABGAgAP0ABHD9UP1QIAD9AATAASAA/QAE0AH9UCAA/QAE4AEgAP0ABPAB/VD9UP1Q/VD9Uw0CGiAAQYACaiEADAELCwNAIAAgBUkEQEEAIAD9AAQAIAD9AAQQ/VAgAP0ABCAgAP0ABDD9UP1QIAD9AARAIAD9AARQ/VAgAP0ABGAgAP0ABHD9UP1Q/VD9Uw0CGiAAQYABaiEADAELCyAE/QAEACEDA0AgACAESQRAIAMgAP0ABAD9UCEDIABBEGohAAwBCwsgA/1TRQsLGwtBAQF+IAKtIAOtQiCGhCEFIAFB8AFNBEAgACABIAUgBBAUBSAFUARAIAAgASAEQQEQBgUgACABIAUgBEEBEAULCwuVAwELfyAAQQdxQQN0IQcgAEEQaiIIQXhxQcAOaiEJIAhBB3FBA3QhCiAAQSBqIgtBeHFBwA5qIQwgC0EHcUEDdCENIABBMGoiDkF4cUHADmohDyAOQQdxQQN0IRAgAiAAQXhxQcAOaiIR/QAEACAAQQhxBHtCACABff0SIAH9HgEFIAH9EkIAIAF9/R4BCyIC/c4BIAf9zQEgEf0ABAggAv3RAUHAACAHa/3LAf1Q/VEgAyAJ/QAEACAIQQhxBHtCACABff0SIAH9HgEFIAH9EkIAIAF9/R4BCyIC/c4BIAr9zQEgCf0ABAggAv3RAUHAACAKa/3LAf1Q/VEgBCAM/QAEACALQQhxBHtCACABff0SIAH9HgEFIAH9EkIAIAF9/R4BCyIC/c4BIA39zQEgDP0ABAggAv3RAUHAACANa/3LAf1Q/VEgBSAP/QAEACAOQQhxBHtCACABff0SIAH9HgEFIAH9EkIAIAF9/R4BCyIC/c4BIBD9zQEgD/0ABAggAv3RAUHAACAQa/3LAf1Q/VEgBhAECy4AIAEgAP0ABAD9USACIAD9AAQQ/VEgAyAA/QAEIP1RIAQgAP0ABDD9USAFEAQLnAMBA3sgBCAAIAH9DQABAgMQERITBAUGBxQVFhciBSAAIAH9DQgJCgsYGRobDA0ODxwdHh8iACAA/Q0ICQoLDA0ODwABAgMEBQYHIgH93gEgBSAB/d8BIAUgAP3eASIBQSD9zQH9zgEiBv0M/////wAAAAD/////AAAAAP1O/c4BIgdBIP3LASAB/Qz/////AAAAAP////8AAAAA/U79UCAFIAD93wEgBkEg/c0BIAdBIP3NAf3OAf3OAf1RIAIgA/0NAAECAxAREhMEBQYHFBUWFyIAIAIgA/0NCAkKCxgZGhsMDQ4PHB0eHyIBIAH9DQgJCgsMDQ4PAAECAwQFBgciAv3eASAAIAL93wEgACAB/d4BIgJBIP3NAf3OASID/Qz/////AAAAAP////8AAAAA/U79zgEiBUEg/csBIAL9DP////8AAAAA/////wAAAAD9Tv1QIAAgAf3fASADQSD9zQEgBUEg/c0B/c4B/c4B/VH9zgEiAP0dAHwgAP0dAXwiBEIliCAEhUL5893xmfKZqxZ+IgRCIIggBIULzwoDA38MewF+IAL9EkIAIAJ9/R4BIQj9DD2ussIAAAAAh8rrhbF5N54hCf0MT+vUJz2ussL5eTeesWdWFiEK/QxjrrLCd8rrhXfK64UAAAAAIQv9DMVnVhYv69QnsXk3ngAAAAAhDCAAIAFqIAAgAUEBa0FAcWohB0HADiEFA0AgACAHSQRAIAD9AAQAIg0gBf0ABAAgCP3OAf1RIQ4gCSANIA39DQgJCgsMDQ4PAAECAwQFBgf9zgEgDiAO/Q0AAQIDCAkKCwQFBgcMDQ4PIA4gDv0NBAUGBwwNDg8AAQIDCAkKC/3eAf3OASEJIAD9AAQQIg0gBf0ABBAgCP3OAf1RIQ4gCiANIA39DQgJCgsMDQ4PAAECAwQFBgf9zgEgDiAO/Q0AAQIDCAkKCwQFBgcMDQ4PIA4gDv0NBAUGBwwNDg8AAQIDCAkKC/3eAf3OASEKIAD9AAQgIg0gBf0ABCAgCP3OAf1RIQ4gCyANIA39DQgJCgsMDQ4PAAECAwQFBgf9zgEgDiAO/Q0AAQIDCAkKCwQFBgcMDQ4PIA4gDv0NBAUGBwwNDg8AAQIDCAkKC/3eAf3OASELIAD9AAQwIg0gBf0ABDAgCP3OAf1RIQ4gDCANIA39DQgJCgsMDQ4PAAECAwQFBgf9zgEgDiAO/Q0AAQIDCAkKCwQFBgcMDQ4PIA4gDv0NBAUGBwwNDg8AAQIDCAkKC/3eAf3OASEMIABBQGshACAI/cEBIQggBUEIaiIFQcAPRgRAIAkgCUEv/c0B/VEgBf0ABAAgCP3OAf1R/QyxeTeeAAAAALF5N54AAAAA/dUBIQkgCiAKQS/9zQH9USAF/QAEECAI/c4B/VH9DLF5N54AAAAAsXk3ngAAAAD91QEhCiALIAtBL/3NAf1RIAX9AAQgIAj9zgH9Uf0MsXk3ngAAAACxeTeeAAAAAP3VASELIAwgDEEv/c0B/VEgBf0ABDAgCP3OAf1R/QyxeTeeAAAAALF5N54AAAAA/dUBIQxBwA4hBQsMAQsLQUBqIgD9AAQAIhBBuA/9AAQAQgAgAn39EiAC/R4BIhH9zgFBCP3NAUHAD/0ABAAgEf3RAUE4/csB/VD9USEOIAD9AAQQIhJByA/9AAQAIBH9zgFBCP3NAUHQD/0ABAAgEf3RAUE4/csB/VD9USEPIAD9AAQgIghB2A/9AAQAIBH9zgFBCP3NAUHgD/0ABAAgEf3RAUE4/csB/VD9USETIAD9AAQwIg1B6A/9AAQAIBH9zgFBCP3NAUHwD/0ABAAgEf3RAUE4/csB/VD9USERIANBCyACIAkgECAQ/Q0ICQoLDA0ODwABAgMEBQYH/c4BIA4gDv0NAAECAwgJCgsEBQYHDA0ODyAOIA79DQQFBgcMDQ4PAAECAwgJCgv93gH9zgEiCSAKIBIgEv0NCAkKCwwNDg8AAQIDBAUGB/3OASAPIA/9DQABAgMICQoLBAUGBwwNDg8gDyAP/Q0EBQYHDA0ODwABAgMICQoL/d4B/c4BIgogCyAIIAj9DQgJCgsMDQ4PAAECAwQFBgf9zgEgEyAT/Q0AAQIDCAkKCwQFBgcMDQ4PIBMgE/0NBAUGBwwNDg8AAQIDCAkKC/3eAf3OASIIIAwgDSAN/Q0ICQoLDA0ODwABAgMEBQYH/c4BIBEgEf0NAAECAwgJCgsEBQYHDA0ODyARIBH9DQQFBgcMDQ4PAAECAwgJCgv93gH9zgEiCyABrSIUQoeVr6+Ytt6bnn9+EAI3AwAgBARAIANB9QAgAiAJIAogCCALIBRCz9bTvtLHq9lCfkJ/hRACNwMICwv+BgMJewR/An79DD2ussIAAAAAh8rrhbF5N54hBP0MT+vUJz2ussL5eTeesWdWFiEF/QxjrrLCd8rrhXfK64UAAAAAIQb9DMVnVhYv69QnsXk3ngAAAAAhByAAIAFqIQ9BwA4hDSAAQYAIaiAAIAFBAWtBQHFqIg4gDiAAa0GACEsbIRADQP0MAAAAAAAAAAAAAAAAAAAAACEI/QwAAAAAAAAAAAAAAAAAAAAAIQn9DAAAAAAAAAAAAAAAAAAAAAAhCkIAIRFCACESA0AgACAQSQRAIAggAP0ABAAiC/3OASEIIAkgAP0ABBAiDP3OASEJIAQgCyAN/QAEAP1RIgQgDCAN/QAEEP1RIgv9DQABAgMICQoLEBESExgZGhsiDCAEIAv9DQQFBgcMDQ4PFBUWFxwdHh8iC/3eAf3OASEEIAUgDCAL/d8B/c4BIQUgCiAA/QAEICIL/c4BIQogESAAKQMwfCERIBIgACkDOHwhEiAGIAsgDf0ABCD9USIGIAD9AAQwIA39AAQw/VEiC/0NAAECAwgJCgsQERITGBkaGyIMIAYgC/0NBAUGBwwNDg8UFRYXHB0eHyIL/d4B/c4BIQYgByAMIAv93wH9zgEhByAAQUBrIQAgDUEIaiENDAELCyAEIAggCP0NCAkKCwwNDg8AAQIDBAUGB/3OASEEIAUgCSAJ/Q0ICQoLDA0ODwABAgMEBQYH/c4BIQUgBiAKIAr9DQgJCgsMDQ4PAAECAwQFBgf9zgEhBiAHIBL9EiAR/R4B/c4BIQcgACAPRwRAIA1BwA9GBEAgBSAFQS/9zQH9USAN/QAEEP1R/QyxeTeeAAAAALF5N54AAAAA/dUBIQUgBiAGQS/9zQH9USAN/QAEIP1R/QyxeTeeAAAAALF5N54AAAAA/dUBIQYgByAHQS/9zQH9USAN/QAEMP1R/QyxeTeeAAAAALF5N54AAAAA/dUBIQcgBCAEQS/9zQH9USAN/QAEAP1R/QyxeTeeAAAAALF5N54AAAAA/dUBIQQLIAAgDkkEf0HADiENIABBgAhqIA4gDiAAa0GACEsbBUG5DyENIA9BQGohACAPCyEQDAELCyACQcsOIAQgBSAGIAcgAa0iEUKHla+vmLbem55/fhADNwMAIAMEQCACQbUPIAQgBSAGIAcgEULP1tO+0ser2UJ+Qn+FEAM3AwgLC6MCAQF/A0AgA0GAAUsEQAJ/IAEgAGtBkQFPBEAgAEH/ADoAACAAIAL9AAQA/QsEAUEQIQQDQCAEQYABSQRAIAAgBGogAiAEav0ABAD9CwQBIARBEGohBAwBCwsFQQAgASAAa0GBAUkNARogAEH/ADoAACAAQQFqIAJBgAH8CgAACyAAQYEBagsiAEUEQEEADwsgAkGAAWohAiADQYABayEDDAELCwJ/IAEgAGtBkQFPBEAgACADQQFrOgAAIAAgAv0ABAD9CwQBQRAhAQNAIAEgA0kEQCAAIAFqIAEgAmr9AAQA/QsEASABQRBqIQEMAQsLBUEAIANBAWogASAAa0sNARogACADQQFrOgAAIABBAWogAiAD/AoAAAsgAEEBaiADagsLsgIBAX8gBUEEa0EAIAQbIQYgBAR/IAZBD0kEf0EABSAGQQ9rQf8BbkEBagtBAmoFQQALIANBD0kEf0EABSADQQ9rQf8BbkEBagsgA0EBampqIAEgAGtLBEBBAA8LIAAiAUEBaiEAIAFBDyADIANBD08iARtBBHRBDyAGIAZBD08bcjoAACABBEAgA0EPayEFA0AgBUH/AU8EQCAAIgFBAWohACABQf8BOgAAIAVB/wFrIQUMAQsLIAAgBToAACAAQQFqIQALIAAgAiAD/AoAACAAIANqIQAgBEUEQCAADwsgACAEOwEAIABBAmohACAGQQ9PBH8gBkEPayECA0AgAkH/AU8EQCAAIgFBAWohACABQf8BOgAAIAJB/wFrIQIMAQsLIAAgAjoAACAAQQFqBSAACwuMBQIHfwJ7IAQgAmtBEE8hCANAIAAgAUkEQCAAIgVBAWohACAFLQAAIgdBBHYiBkEPRgRAQf8BIQUDQCAFQf8BRgRAIAAgAU8EQEF+DwsgACIFQQFqIQAgBS0AACIFIAZqIQYMAQsLCyAGIAEgAGtLBEBBfg8LIAYgBCADa0sEQEF6QX0gAyAERhsPCyAGQRBNIAhxBEBBgAj9AAQAIAMgAyAEQRBrIgUgAyAFSRsiBWv9D/1xIQwgBSAF/QAEACAA/QAEACAM/Q4gDP0MAAAAAAAAAAAAAAAAAAAAAP0l/VL9CwQABSADIAAgBvwKAAALIAMgBmohAyAAIAZqIgUgAUYEQEF7IAMgAmsgAyAERxsPCyADIARGBEBBeg8LIAEgBWtBAkkEQEF+DwsgBUECaiEAIAUvAQAiCUUgCSADIAJrS3IEQEF8DwsgB0EPcUEEaiIGQRNGBEBB/wEhBwNAIAdB/wFGBEAgACABTwRAQX4PCyAAIgVBAWohACAFLQAAIgcgBmohBgwBCwsLIAYgBCADa0sEQEF9DwsgAyAGaiEFIAgEQCADIAlrIQdBAEEQIAlBACAJQRBJGyIGGyEJIAZBBHRBgAhq/QAEACENIAZBgApqLQAAIQogBEEQayEGA0BBgAj9AAQAIAMgAyAGIAMgBkkbIgtr/Q/9cSEMIAsgC/0ABAAgByAGIAYgB0sbIgv9AAQAIA0gByALa/0P/W79DiAM/Q4gDP0MAAAAAAAAAAAAAAAAAAAAAP0l/VL9CwQAIAcgCWohByAFIAMgCmoiA0sNAAsFA0AgAyAFSQRAIAMgAyAJay0AADoAACADQQFqIQMMAQsLCyAFIQMMAQsLQX5BeyADIARGGwtLAQN/A0AgASAESwRAIAYgACACEAAiBUEASGohBiADIAVBgAJyQQAgBUEAThs7AQAgACACaiEAIANBAmohAyAEQQFqIQQMAQsLIAYL5AICA38BeyACQRBJBEACfwNAIAIgA0sEQEEAIAAgA2otAAAgASADai0AAEcNAhogA0EBaiEDDAELC0EBCw8LIAJBEGsiAyAAav0ABAAgASADav0ABAD9USIGIAD9AAQAIAH9AAQA/VH9UP1TBEBBAA8LIAAgA2ohBCAAIAJBgH9xaiEFA0AgACAFSQRAIAD9AAQAIAH9AAQA/VEgAP0ABBAgAf0ABBD9Uf1QIAD9AAQgIAH9AAQg/VEgAP0ABDAgAf0ABDD9Uf1Q/VAgAEFAayIC/QAEACABQUBrIgP9AAQA/VEgAv0ABBAgA/0ABBD9Uf1QIAD9AARgIAH9AARg/VEgAP0ABHAgAf0ABHD9Uf1Q/VD9UP1TBEBBAA8LIABBgAFqIQAgAUGAAWohAQwBCwsDQCAAIARJBEAgBiAA/QAEACAB/QAEAP1R/VAhBiAAQRBqIQAgAUEQaiEBDAELCyAG/VNFC+EIAwV+BX8GewNAIAlBgApJBEAgAyAJaiIK/QwAAAAAAAAAAAAAAAAAAAAA/QsEACAK/QwAAAAAAAAAAAAAAAAAAAAA/QsEECAK/QwAAAAAAAAAAAAAAAAAAAAA/QsEICAK/QwAAAAAAAAAAAAAAAAAAAAA/QsEMCAJQUBrIQkMAQsLIAAgAiADEA4gACIJIAJBgH9xaiEKIANBxAFq/REhEANAIAkgCkkEQCAJIAkgCSAJ/VwCCP1WAiQB/VYCSAL9VgJkAyIR/QwAAAAAAAAAAAAAAAAAAAAA/TchDyAR/QyxeTeesXk3nrF5N56xeTee/bUBQRj9rQEgD/2uAUEC/asBIBD9rgEiEv0dACIEpyIL/VwCACETIAsgEf1aAgAAIARCIIenIgsgE/1WAgABIRMgCyAR/VoCAAEgEv0dASIEpyILIBP9VgIAAiESIAsgEf1aAgACIARCIIenIgsgEv1WAgADIRIgCyAR/VoCAAMgDiASIBH9NyAP/U/9sQEhDiAJQYABaiEJDAELCyAOIA4gDv0NCAkKCwwNDg8AAQIDBAUGB/2uASIO/RsAIA79GwFqIQwgACEJIAIhCgNAIAoEQCAJ/QAEACAJ/QAEAf0j/WStIAn9AAQQIAn9AAQR/SP9ZK1CEIaEIAn9AAQgIAn9AAQh/SP9ZK1CIIaEIAn9AAQwIAn9AAQx/SP9ZK1CMIaEIQQgCkHAAE0EQCAEQgEgCkEBa62GQgF9gyEECyAGIAQgBEIBhiAFQj+IhIMgBEIChiAFQj6IhIMiCHt8IQYgByAIIARCA4YgBUI9iISDe3whByAEIQUgCkHAACAKIApBwABPG2shCiAJQUBrIQkMAQsLIAMgBiAHfaciCTYCDCADIAanIAlBA2xqNgIQIAEEQCAAIAEgAiADEA0FIAMgAjYCFCADQQE2AhgLIAKtIgRCHX4hBUEAIQEDQCABQYACSQRAIAEgA2r9DAAAAAAAAAAAAAAAAAAAAAD9CwTAASABQRBqIQEMAQsLQQEgAkEIdiIBIAFBAU0bIgpBAWogCiAKQRBPGyELQYACIAIgAkGAAk8bIQIDQCACQRBPBEAgACAKQQR0akEAIQkDQCAJQQRIBEAgAyAALQAAakH/AToAwAEgAyAAIAtqLQAAakH/AToAwAEgAyALQQF0Ig0gAGoiAC0AAGpB/wE6AMABIAMgACALai0AAGpB/wE6AMABIAAgDWohACAJQQFqIQkMAQsLIQAgAkEQayECDAELCwNAIAIEQCADIAAtAABqQf8BOgDAASACQQFrIQIgACAKaiEADAELC0EAIQFBACEAA0AgAEGAAkkEQCABIAAgA2r9AATAAf1kaWohASAAQRBqIQAMAQsLIAMgBSAEIAGtfkLAB35CDId8IAM1AghCIX4gAzUCAELvAH59fCADNQIEQjl+IAytQqoGfnx9QgaHIgUgBEIIiEIIfCIGIAUgBlUbIgUgBCAEIAVVGz4CHAuCBAIFfwR7IAAgAmohByAAIAJBQHFqIQIDQCAAIAJJBEAgAP0ABAAgAf0ABAD9USIJIAD9AAQQIAH9AAQQ/VEiCv1QIAD9AAQgIAH9AAQg/VEiCyAA/QAEMCAB/QAEMP1RIgz9UP1Q/VMEfyAFIAn9DAAAAAAAAAAAAAAAAAAAAAD9I/1krSAK/QwAAAAAAAAAAAAAAAAAAAAA/SP9ZK1CEIaEIAv9DAAAAAAAAAAAAAAAAAAAAAD9I/1krUIghoQgDP0MAAAAAAAAAAAAAAAAAAAAAP0j/WStQjCGhEJ/hXunaiEFIAYgCf0MAAAAAAAAAAAAAAAAAAAAAP3WAf3EASAK/QwAAAAAAAAAAAAAAAAAAAAA/dYB/cQBQQJ0ciAL/QwAAAAAAAAAAAAAAAAAAAAA/dYB/cQBQQR0ciAM/QwAAAAAAAAAAAAAAAAAAAAA/dYB/cQBQQZ0ckF/c0H/AXEiCCAIQQF0IARyQX9zcWlqIQYgCEEHdgVBAAshBCAAQUBrIQAgAUFAayEBDAELCwNAIAAgB0kEQCAHIABBCGogByAAa0EISRshCCAFIQIDQCAAIAhJBEAgBSAALQAAIAEtAABHaiEFIABBAWohACABQQFqIQEMAQsLIAYgAiAFRyICIARBf3NxaiEGIAIhBAwBCwsgAyAFNgIUIAMgBjYCGAvwBgIJfwh7IAJBQGv9ESERIAAgAUFAcWohBiAAIAFBfHFqIQkgACEDA0AgAyAGSQRAIAP9AAQAIAP9AAQQ/VAgA/0ABCAgA/0ABDD9UP1Q/VNFBEAgBUEBaiEFIANBQGshAwwCC/0MAAAAAAAAAAAAAAAAAAAAACEPIANBQGshBANAIAwgA/0ABAAiEv0MAAAAAAAAAAAAAAAAAAAAAP03IhP9sQEhDCAPIBL9DAAAAAAAAAAAAAAAAAAAAAD9I/1xIQ8gDSASIAP9AAQE/TcgE/1P/bEBIQ0gAiASQQr9rQEiEv0M5QDlAOUA5QDlAOUA5QDlAP2VAUEC/a0B/Qw8AAAAPAAAADwAAAA8AAAA/U4gE/0MQAAAAEAAAABAAAAAQAAAAP1O/VAgEf2uAf0LBJABIAIgEv0LBKABIAIoApABIgf9XAIAIRMgByACKAKgATYCACACKAKUASIHIBP9VgIAASETIAcgAigCpAE2AgAgAigCmAEiByAT/VYCAAIhEyAHIAIoAqgBNgIAIAIoApwBIgcgE/1WAgADIRMgByACKAKsATYCACAOIBMgEv03/bEBIQ4gBCADQRBqIgNLDQALIBAgD/19/Y4BIRAMAQsLIA4gDiAO/Q0ICQoLDA0ODwABAgMEBQYH/a4BIg79GwAgDv0bAWogDCAMIAz9DQgJCgsMDQ4PAAECAwQFBgf9rgEiDP0bACAM/RsBaiIIayEEIBD9fyIMIAwgDP0NCAkKCwwNDg8AAQIDBAUGB/2uASIM/RsAIAz9GwFqIAVBBnRqIQcgCCAFQQR0aiEIIA0gDSAN/Q0ICQoLDA0ODwABAgMEBQYH/a4BIgz9GwAgDP0bAWoiBUEBayAFIAMgCUYgACADSXEEfyADKAIAIANBBGsoAgBGBUEACwR/IAMoAgAFQQALGyEFA0AgAyAJSQRAAkAgAygCACIKRQRAIAhBAWohCAwBCyAFQQFqIAUgA0EEaiAJSQR/IAMoAgQgCkYFQQALGyEFIAQgAiAKQQp2IgpB/wFxQeUBbEEEdkEPcUECdGoiCygCQCAKRmohBCALIAo2AkALIANBBGohAwwBCwsDQCAGIAAgAWpJBEAgByAGLQAARWohByAGQQFqIQYMAQsLIAIgCDYCACACIAU2AgQgAiAENgIIIAIgBzYCIAsFAEGAEAtEAQF+IAKtIAOtQiCGhCEFIAFB8AFNBEAgBCAAIAEgBRASNwMABSAFUARAIAAgASAEQQAQBgUgACABIAUgBEEAEAULCwtCAQF/A0AgASAFSwRAIAMvAQBFBEAgACACQQBBACAEEAELIAAgAmohACADQQJqIQMgBEEQaiEEIAVBAWohBQwBCwsLlgsCC34GfyABQYABSwRAIAIhAyABrUKHla+vmLbem55/fiECIAFBBHYhDwNAIA5BCEkEQCAOQQR0IhAgAGoiESkDACAQQcAOaiIQKQMAIAN8hSIEQv////8PgyEFIARCIIgiBiARKQMIIBApAwggA32FIgdC/////w+DIgh+IAUgCH5CIIh8IQggAiAHQiCIIgIgBn4gCEIgiHwgAiAFfiAIQv////8Pg3xCIIh8IAQgB36FfCECIA5BAWohDgwBCwsgAiACQiWIhUL5893xmfKZqxZ+IgJCIIggAoUhAkEIIQ4DQCAOIA9JBEAgDkEEdCIQIABqIhEpAwAgEEHDDWoiECkDACADfIUiBEL/////D4MhBSAEQiCIIgYgESkDCCAQKQMIIAN9hSIHQv////8PgyIIfiAFIAh+QiCIfCEIIAIgB0IgiCICIAZ+IAhCIIh8IAIgBX4gCEL/////D4N8QiCIfCAEIAd+hXwhAiAOQQFqIQ4MAQsLIAAgAWpBEGsiACkDAEG3DykDACADfIUiBEL/////D4MhBSAEQiCIIgYgACkDCEG/DykDACADfYUiA0L/////D4MiB34gBSAHfkIgiHwhByACIANCIIgiAiAGfiAHQiCIfCACIAV+IAdC/////w+DfEIgiHwgAyAEfoV8IgJCJYggAoVC+fPd8ZnymasWfiICQiCIIAKFDwsgAUEQSwRAIAIhAyABrUKHla+vmLbem55/fiECIAAgAWpBEGshECABQQFrQQV2IRFBACEBA0AgASARTQRAIBAgAUEEdCISayITKQMAIAFBBXQiDkHQDmoiDykDACADfIUiCEL/////D4MhCSAIQiCIIgogEykDCCAPKQMIIAN9hSIEQv////8PgyIFfiAFIAl+QiCIfCELIAAgEmoiDykDACAOQcAOaiIOKQMAIAN8hSIFQv////8PgyEMIAVCIIgiBiAPKQMIIA4pAwggA32FIgdC/////w+DIg1+IAwgDX5CIIh8IQ0gAiAGIAdCIIgiAn4gDUIgiHwgAiAMfiANQv////8Pg3xCIIh8IAUgB36FfCAEQiCIIgIgCn4gC0IgiHwgAiAJfiALQv////8Pg3xCIIh8IAQgCH6FfCECIAFBAWohAQwBCwsgAiACQiWIhUL5893xmfKZqxZ+IgJCIIggAoUPCyABQQhLBEAgACkDAEHYDikDAEHgDikDAIUgAnyFIgNC/////w+DIQQgA0IgiCIFIAAgAWpBCGspAwBB6A4pAwBB8A4pAwCFIAJ9hSICQv////8PgyIGfiAEIAZ+QiCIfCEGIAGtIAWnIgBBCHdB/4H8B3EgAEEYd0GA/oN4cXKtIAOnIgBBCHdB/4H8B3EgAEEYd0GA/oN4cXKtQiCGhHwgAnwgAkIgiCIHIAV+IAZCIIh8IAQgB34gBkL/////D4N8QiCIfCACIAN+hXwiAkIliCAChUL5893xmfKZqxZ+IgJCIIggAoUPCyABQQRPBEAgAa1ByA4pAwBB0A4pAwCFIAIgAqciDkEId0H/gfwHcSAOQRh3QYD+g3hxcq1CIIaFfSAAIAFqQQRrNQIAIAA1AgBCIIaEhSICQjGJIAJCGImFIAKFQqW+4/TRjIfZn39+IgJCI4h8IAKFQqW+4/TRjIfZn39+IgJCHIggAoUPCyABBEAgACABakEBay0AACAALQAAQRB0IAAgAUEBdmotAABBGHRyciABQQh0cq1BwA41AgBBxA41AgCFIAJ8hSICQiGIIAKFQs/W077Sx6vZQn4iAkIdiCAChUL5893xmfaZqxZ+IgJCIIggAoUPC0GADykDACACQfgOKQMAhYUiAkIhiCAChULP1tO+0ser2UJ+IgJCHYggAoVC+fPd8Zn2masWfiICQiCIIAKFC5EJAgt+BH8gAa1Ch5Wvr5i23puef34hBCABQYABTQRAIAFBAWtBBXYhEgNAIBJBAE4EQCASQQR0IhEgAGoiDykDACIMIBJBBXRBwA5qIhApAwAgAnyFIglC/////w+DIQggCUIgiCIHIA8pAwgiCyAQKQMIIAJ9hSIGQv////8PgyIFfiAFIAh+QiCIfCEFIAQgBkIgiCIEIAd+IAVCIIh8IAQgCH4gBUL/////D4N8QiCIfCAGIAl+hXwgACABakEQayARayIPKQMIIgYgDykDACIFfIUhBCAFIBApAxAgAnyFIgpC/////w+DIQkgCkIgiCIIIBApAxggAn0gBoUiB0L/////D4MiBX4gBSAJfkIgiHwhBiAOIAdCIIgiBSAIfiAGQiCIfCAFIAl+IAZC/////w+DfEIgiHwgByAKfoV8IAsgDHyFIQ4gEkEBayESDAELCwUgAUEFdiEQQcAOIRIDQCAQIBFLBEAgEUEERgRAIA4gDkIliIVC+fPd8ZnymasWfiIFIAVCIIiFIQ5Bww4hEiAEIARCJYiFQvnz3fGZ8pmrFn4iBCAEQiCIhSEECyAAIBFBBXRqIg8pAwAiDCASKQMAIAJ8hSIJQv////8PgyEIIAlCIIgiByAPKQMIIgsgEikDCCACfYUiBkL/////D4MiBX4gBSAIfkIgiHwhBSAEIAZCIIgiBCAHfiAFQiCIfCAEIAh+IAVC/////w+DfEIgiHwgBiAJfoV8IA8pAxAiBiAPKQMYIgV8hSEEIBIpAxAgAnwgBoUiCkL/////D4MhCSAKQiCIIgggEikDGCACfSAFhSIHQv////8PgyIFfiAFIAl+QiCIfCEGIA4gB0IgiCIFIAh+IAZCIIh8IAUgCX4gBkL/////D4N8QiCIfCAHIAp+hXwgCyAMfIUhDiASQSBqIRIgEUEBaiERDAELCyAAIAFqQRBrIg9BEGshACAPKQMAIg1CACACfSIMQacPKQMAfIUiCkL/////D4MhCSAKQiCIIgggDykDCCILQa8PKQMAIAx9hSIHQv////8PgyIFfiAFIAl+QiCIfCEGIBBBBEYEfiAOIA5CJYiFQvnz3fGZ8pmrFn4iBSAFQiCIhSEOIAQgBEIliIVC+fPd8ZnymasWfiIEIARCIIiFBSAECyAHQiCIIgQgCH4gBkIgiHwgBCAJfiAGQv////8Pg3xCIIh8IAcgCn6FfCAAKQMAIgYgACkDCCIFfIUhBEG3DykDACAMfCAGhSIKQv////8PgyEJIApCIIgiCEG/DykDACAMfSAFhSIHQv////8PgyIFfiAFIAl+QiCIfCEGIA4gB0IgiCIFIAh+IAZCIIh8IAUgCX4gBkL/////D4N8QiCIfCAHIAp+hXwgCyANfIUhDgsgAyAEIA58IgUgBUIliIVC+fPd8ZnymasWfiIFIAVCIIiFNwMAIANCACAEQoeVr6+Ytt6bnn9+IA5C49zKlfzO8vWFf358IAGtIAJ9Qs/W077Sx6vZQn58IgIgAkIliIVC+fPd8ZnymasWfiICIAJCIIiFfTcDCAuTCAIEfgF/IAFBEEsEQCAAIAEgAiADEBMFIAFBCEsEQEHgDikDAEHoDikDAIUgAn0gACABakEIaykDACIEIAApAwCFhSIFQiCIIQYgBUKHla+vmLbem55/fiABrUIBfUI2hnwgBEHwDikDAEH4DikDAIUgAnyFIgIgBkKx893xCX4gBkKHla+vCH4gBUL/////D4MiBEKHla+vCH5CIIh8IgVCIIh8IARCsfPd8Ql+IAVC/////w+DfEIgiHx8IAJC/////w+DQvaUr68IfnwiAkIgiKciAEEId0H/gfwHcSAAQRh3QYD+g3hxcq0gAqciAEEId0H/gfwHcSAAQRh3QYD+g3hxcq1CIIaEhSIEQv////8PgyEFIARCIIgiBkLP1tO+An4gBULP1tO+An5CIIh8IQcgAyAEQs/W077Sx6vZQn4iBEIliCAEhUL5893xmfKZqxZ+IgRCIIggBIU3AwAgAyAGQr3cypUMfiAHQiCIfCAFQr3cypUMfiAHQv////8Pg3xCIIh8IAJCz9bTvtLHq9lCfnwiAiACQiWIhUL5893xmfKZqxZ+IgJCIIggAoU3AwgFIAFBBE8EQCACIAKnIghBCHdB/4H8B3EgCEEYd0GA/oN4cXKtQiCGhUHQDikDAEHYDikDAIV8IAA1AgAgACABakEEazUCAEIghoSFIgIgAa1CAoZC+erQ0OfJoeThAH0iBH4hBSACQiCIIgYgBEL/////D4MiB34gAkL/////D4MiAiAHfkIgiHwhByADIAUgBEIgiCIEIAZ+IAdCIIh8IAIgBH4gB0L/////D4N8QiCIfCAFQgGGfCICQgOIhSIEQiOIIASFQqW+4/TRjIfZn39+IgRCHIggBIU3AwAgAyACIAJCJYiFQvnz3fGZ8pmrFn4iAkIgiCAChTcDCAUgAQRAIAAgAWpBAWstAAAgAC0AAEEQdCAAIAFBAXZqLQAAQRh0cnIgAUEIdHIiAEEId0H/gfwHcSAAQRh3QYD+g3hxckENd61ByA41AgBBzA41AgCFIAJ9hSIEQiGIIASFQs/W077Sx6vZQn4iBEIdiCAEhUL5893xmfaZqxZ+IgRCIIggBIUhBCADIACtQcAONQIAQcQONQIAhSACfIUiAkIhiCAChULP1tO+0ser2UJ+IgJCHYggAoVC+fPd8Zn2masWfiICQiCIIAKFNwMABUGYDykDACACQZAPKQMAhYUiBEIhiCAEhULP1tO+0ser2UJ+IgRCHYggBIVC+fPd8Zn2masWfiIEQiCIIASFIQQgA0GIDykDACACQYAPKQMAhYUiAkIhiCAChULP1tO+0ser2UJ+IgJCHYggAoVC+fPd8Zn2masWfiICQiCIIAKFNwMACyADIAQ3AwgLCwsLtQICA38CfiABQQh2QQZ0IQQDQCADQQRJBEAgBCAAIAMgBGxqIgFqIQVCACEGA0AgASAFSQRAIAEpAwBCh5Wvr5i23puef34gASkDCELP1tO+0ser2UJ+hSABKQMQQvnz3fGZ9pmrFn4gASkDGELFz9my8eW66id+hUIViXwgASkDIELP1tO+0ser2UJ+IAEpAyhC+fPd8Zn2masWfoUgASkDMELFz9my8eW66id+IAEpAzhCh5Wvr5i23puef36FQh2JfEIriYUiB0IgiCAHhUKHla+vmLbem55/fiIHQh2IIAeFIgcgBiAGIAdUGyEGIAFBQGshAQwBCwsgAiADQQJ0aiAGUAR/QQAFIAYgA0EBaq2FQoeVr6+Ytt6bnn9+QiCIp0EBcgs2AgAgA0EBaiEDDAELCwtVAQN/A0AgBUEESQRAIAIgBUECdGooAgAiBgRAIAAgAUEBayAGQbHz3fF5bEEIdnFBDGxqIgcgBjYCACAHIAM2AgQgByAENgIICyAFQQFqIQUMAQsLCw4AIABBACABQQxs/AsAC6QBAgR/AX4DQCAHQQRJBEACQCACIAdBAnRqKAIAIgRFDQAgBCAAIAFBAWsgBEGx893xeWxBCHZxQQxsaiIEKAIARw0AIAQpAwQhCEEAIQVBACEEA0AgBCAGSQRAIAUEf0EBBSADIARBA3RqKQMAIAhRCyEFIARBAWohBAwBCwsgBQ0AIAMgBkEDdGogCDcDACAGQQFqIQYLIAdBAWohBwwBCwsgBgvbAQMBfwF+AXsgACACKQMAIgZCIIinIAFBAWtxQQZ0aiEFQQAhACAF/QAEACIHQQEgBqdB//8DcSIBIAFBAU0b/RD9Lf2EASIBRQRAIAf9DAAAAAAAAAAAAAAAAAAAAAD9Lf2EASEBCyABBEAgAWghAAVBASECA0AgAkEISQRAIAIgACAFIAJBAXRqLwEwIAUgAEEBdGovATBJGyEAIAJBAWohAgwBCwsLIABBAXQgBWoiAUEBIAanQf//A3EiAiACQQFNGzsBACAFIABBAnRqIAQ2AhAgASADOwEwCw4AIABBACABQQZ0/AsAC2QBAX4gAyAAIAIpAwAiBEIgiKcgAUEBa3FBBnRqIgD9AAQAQQEgBKdB//8DcSIBIAFBAU0b/RD9Lf2EASIBBH4gACABaCIBQQJ0ajUCECAAIAFBAXRqMwEwQiCGhAVCfws3AwALswICBX8CfgNAIAQgC0sEQEJ/IQ0gAyALQQF0ai8BAEUEQCAAIAIgC0EEdGopAwAiDkIgiKcgAUEBa3FBBnRqIgr9AAQAQQEgDqdB//8DcSIIIAhBAU0b/RD9Lf2EASIIBEAgCiAIaCIIQQJ0ajUCECAKIAhBAXRqMwEwQiCGhCENBUEAIQggCv0ABAD9DAAAAAAAAAAAAAAAAAAAAAD9Lf2EASIJBEAgCWghCAVBASEJA0AgCUEISQRAIAkgCCAKIAlBAXRqLwEwIAogCEEBdGovATBJGyEIIAlBAWohCQwBCwsLIAhBAXQgCmoiCUEBIA6nQf//A3EiDCAMQQFNGzsBACAKIAhBAnRqIAYgC2o2AhAgCSAFOwEwCwsgByALQQN0aiANNwMAIAtBAWohCwwBCwsL3wUCCX8EeyADIAFBAnYiB0EHakEDdiIIIAFBA3EiCWpJBEBBfw8LIAIgA2oiCkFAakEAIANBwABPGyELIAAgB0FwcSIFQQJ0aiEMIAIgCGogCWohASACIQYgACEDA0AgAyAMSQRAIAYgA/0ABAAiDf0MAAAAAAAAAAAAAAAAAAAAAP03IAP9AAQQIg79DAAAAAAAAAAAAAAAAAAAAAD9N/2FASAD/QAEICIP/QwAAAAAAAAAAAAAAAAAAAAA/TcgA/0ABDAiEP0MAAAAAAAAAAAAAAAAAAAAAP03/YUB/WX9ZEH//wNzIgQ7AQAgBkECaiEGAkAgBEUNACABIAtLBEAgCiABayAEaUECdEkEQEEAIQEFA0AgBARAIAEgAyAEaEECdGooAgA2AgAgAUEEaiEBIAQgBEEBa3EhBAwBCwsLIAFFBEBBfw8LDAELIARB//8DRgRAIAEgDf0LBAAgASAO/QsEECABIA/9CwQgIAEgEP0LBDAgAUFAayEBDAELIAEgDSAEQQR0QfABcf0ABJAK/Q79CwQAIAEgBEEPcWlBAnRqIA4gBEHwAXH9AASQCv0O/QsEACABIARB/wFxaUECdGogDyAEQQR2QfABcf0ABJAK/Q79CwQAIAEgBEH/H3FpQQJ0aiAQIARBCHZB8AFx/QAEkAr9Dv0LBAAgASAEaUECdGohAQsgA0FAayEDDAELCyAFIAdJBEBBACEDIAUhBANAIAQgB0kEQCADIAAgBEECdGooAgBBAEcgBCAFa3RyIQMgBEEBaiEEDAELCyACIAVBA3ZqIgQgAzoAACAHIAVrQQhLBEAgBCADQQh2OgABCyAKIAFrIANpQQJ0SQRAQQAhAQUgACAFQQJ0aiEEA0AgAwRAIAEgBCADaEECdGooAgA2AgAgAUEEaiEBIAMgA0EBa3EhAwwBCwsLIAFFBEBBfw8LCyACIAhqIAAgB0ECdGogCfwKAAAgASACawubBQIIfwF+IAEgA0ECdiIJQQdqQQN2IgggA0EDcSIKakkEQEF+DwsgCUEHcSIEBH8gACAIakEBay0AACAEdgVBAAsEQEF8DwsgASAIayAKayEFQQAhAQNAIAFBCGoiBCAITQRAIAwgACABaikDAHt8IQwgBCEBDAELCwNAIAEgCEkEQCAMIAAgAWoxAAB7fCEMIAFBAWohAQwBCwsgDKdBAnQiASAFRwRAQX5BeiABIAVLGw8LIAAgCGogCmohBiACIAlBcHEiBUECdGohCyAAIQQgAiEBA0AgASALSQRAIAQvAQAhByAEQQJqIQQCQCAHQf//A0YEQCABIAb9AAQA/QsEACABIAb9AAQQ/QsEECABIAb9AAQg/QsEICABIAb9AAQw/QsEMCAGQUBrIQYMAQsgB0UEQCAB/QwAAAAAAAAAAAAAAAAAAAAA/QsEACAB/QwAAAAAAAAAAAAAAAAAAAAA/QsEECAB/QwAAAAAAAAAAAAAAAAAAAAA/QsEICAB/QwAAAAAAAAAAAAAAAAAAAAA/QsEMAwBCyABIAb9AAQAIAdBBHRB8AFx/QAEkAz9Dv0LBAAgASAGIAdBD3FpQQJ0av0ABAAgB0HwAXH9AASQDP0O/QsEECABIAYgB0H/AXFpQQJ0av0ABAAgB0EEdkHwAXH9AASQDP0O/QsEICABIAYgB0H/H3FpQQJ0av0ABAAgB0EIdkHwAXH9AASQDP0O/QsEMCAGIAdpQQJ0aiEGCyABQUBrIQEMAQsLIAUhAQNAIAEgCUkEQCACIAFBAnRqIAAgAUEDdmotAAAgAUEHcXZBAXEiBCAGKAIAbDYCACAGIARBAnRqIQYgAUEBaiEBDAELCyACIAlBAnRqIAAgCGogCvwKAAAgAwudCAIIfwV+IAEgAmohCiADIARqIghBgwFrIQcgACABayEJIAMhAiABIQADQCAAIApJBEBCACEOQgBBgCAgCiAAayIEIARBgCBPGyIErX1CBoghDSAEIAAiBGohBQNAIAUgBGtBgAFPBEAgBCAJaiIGQUBrIQwgBv0ABAAgBP0ABAD9USAG/QAEECAE/QAEEP1R/VAgBv0ABCAgBP0ABCD9USAG/QAEMCAE/QAEMP1R/VD9UCAM/QAEACAEQUBrIgb9AAQA/VEgDP0ABBAgBv0ABBD9Uf1QIAz9AAQgIAb9AAQg/VEgDP0ABDAgBv0ABDD9Uf1Q/VD9Zf0MAAAAAAAAAAAAAAAAAAAAAP3WAf3EAaxCPoYgDkICiIQhDiAEQYABaiEEDAELCwNAIAQgBUkEQCAEIAlqIgb9AAQAIAT9AAQA/VEgBv0ABBAgBP0ABBD9Uf1QIAb9AAQgIAT9AAQg/VEgBv0ABDAgBP0ABDD9Uf1Q/VD9U0WtQj+GIA5CAYiEIQ4gBEFAayEEDAELCyAOQn+FIA2IIQ0gAEGAIGohDANAIA1CAFIEQCAJIAAgDXoiEadBBnRqIgBqIgT9AAQAIAD9AAQA/SP9ZCAE/QAEECAA/QAEEP0j/WRBEHRyrSAE/QAEICAA/QAEIP0j/WQgBP0ABDAgAP0ABDD9I/1kQRB0cq1CIIaEQn+FIQ4gCiAAayIEQcAASQR+IA5CASAErYZCAX2DBSAOCyIPIA9CAYYgEISFIQ4gEFAEQCAAIA56p2ohCyAOIA5CAX2DIQ4LIA0gEYhCAX0iDUJ/hSAPQj6Ig0ICg0IAUgRAIA1CAoQhDQsgD0I/iCEQA0AgDkIAUgRAIAsgAWshBSAAIA56p2oiASALayIGIAVBB3ZyIAcgAmtBGHZyQYABSQRAIAIgBSAFQYD/AHFqIAVB/wBLIgRBB3RqOwEAIAIgBGoiBCAGOgABIAQgC/0ABAD9CwQCIAQgC/0ABBD9CwQSQSAhAgNAIAIgBkkEQCACIARqIAIgC2r9AAQA/QsEAiACQRBqIQIMAQsLIAQgBkECamohAgUgBUH/AEsgBUH//wBLaiAGQf8ASyAGQf//AEtqakECaiAGaiAIIAJrSwR/QQAFA0AgBUH/AEsEQCACIgRBAWohAiAEIAVB/wBxQYABcjoAACAFQQd2IQUMAQsLIAIgBToAACACQQFqIQIgBiEFA0AgBUH/AEsEQCACIgRBAWohAiAEIAVB/wBxQYABcjoAACAFQQd2IQUMAQsLIAIgBToAACACQQFqIgIgCyAG/AoAACACIAZqCyICRQRAQX8PCwsgACAOIA5CAX2DIg56p2ohCyAOIA5CAX2DIQ4MAQsLDAELCyAAQUBrIgAgDCAAIAxLGyEADAELCyACIANrC7YFAQV/IAAgAWohBSACIANqIQYgACEBA0AgASAFSQRAIAIgBkYEQEF6DwsgAS0AACIEQf8ASwRAIAEtAAEiB0EBa0H/AEkgBSABa0ECT3EEfyAEQf8AcSAHQQd0ciEEIAFBAWoFAn9BfiAFIAFrIgRBAkkNABpBfCABLQABIgdFDQAaIAEtAABB/wBxIAdB/wBxQQd0ciIIIAdBgAFJDQAaQX4gBEEDSQ0AGkF8IAggAS0AAiIEQQ50ciAERSAEQf8AS3IbCyIEQQBIBEAgBA8LIAEgBEH/AEsgBEH//wBLamoLIQELIARFIAAgAUdxBEBBfA8LIAQgBiACa0sEQEF9DwsgBSABQQFqIgFNBEBBfg8LIAIgBGohByABLQAAIgRB/wBLBEACf0F+IAUgAWsiAkECSQ0AGkF8IAEtAAEiCEUNABogBEH/AHEgCEH/AHFBB3RyIgQgCEGAAUkNABpBfiACQQNJDQAaQXwgBCABLQACIgJBDnRyIAJFIAJB/wBLchsLIgRBAEgEQCAEDwsgASAEQf8ASyAEQf//AEtqaiEBCyAERQRAQXwPCyAEIAYgB2tLBEBBfQ8LIAQgBSABQQFqIgFrSwRAQX4PCyAEQRBLBEBBACECA0AgAiAEQRBrSQRAIAIgB2ogASACav0ABAD9CwQAIAJBEGohAgwBCwsgBCAHakEQayABIARqQRBr/QAEAP0LBAAFIARBCEsEQCAHIAEpAwA3AwAgBCAHakEIayABIARqQQhrKQMANwMABSAEQQRPBEAgByABKAIANgIAIAQgB2pBBGsgASAEakEEaygCADYCAAUgByABLQAAOgAAIARBAXYiAiAHaiABIAJqLQAAOgAAIAQgB2pBAWsgASAEakEBay0AADoAAAsLCyAEIAdqIQIgASAEaiEBDAELCyADC5sPAxB/CHsBfiABQQ9xRSABQQFrQYCABElxRQRAQX8PCyABQT9qQQZ2QQJ0IgUgA0sEQEF/DwsgAiADaiEMIARBgBlqIglBwIAEaiEIIAUgAiIDaiEHIAkhBSAIIQYDQCAKQcAASQRAIAQgCmr9DAEAAAABAAAAAQAAAAEAAAD9CwQAIApBEGohCgwBCwsgBP0MAAAAAAAAAAAAAAAAAAAAAP0LBEADQCABIAtLBEAgC0H/B3FFBEAgACALaiENQYAIIAEgC2siCiAKQYAISxshDiAEQYABaiEPIARBgAlqIRBBACEKA0AgCiAOSQRAIAogD2ogCiANav0ABAAiFUEK/a0B/QzlAOUA5QDlAOUA5QDlAOUA/ZUBQQL9rQH9DDwAAAA8AAAAPAAAADwAAAD9TiAV/QwAAAAAAAAAAAAAAAAAAAAA/Tf9DEAAAABAAAAAQAAAAEAAAAD9Tv1Q/QsEACAKQRBqIQoMAQsLQQAhCgNAIAogDkkEQCAKIBBqIhEgBCAKIA9qIhIoAgBqIhMoAgA2AgAgEyAKIA1qIhMoAgA2AgAgESAEIBIoAgRqIhQoAgA2AgQgFCATKAIENgIAIBEgBCASKAIIaiIUKAIANgIIIBQgEygCCDYCACARIAQgEigCDGoiESgCADYCDCARIBMoAgw2AgAgCkEQaiEKDAELCwsgACALaiIN/QAEACIbIAQgC0H/B3FqIg79AASACSIX/VFBCv2tAf0MAAAAAAAAAAAAAAAAAAAAAP03IA39AAQQIhwgDv0ABJAJIhj9UUEK/a0B/QwAAAAAAAAAAAAAAAAAAAAA/Tf9hQEgDf0ABCAiFSAO/QAEoAkiGf1RQQr9rQH9DAAAAAAAAAAAAAAAAAAAAAD9NyAN/QAEMCIWIA79AASwCSIa/VFBCv2tAf0MAAAAAAAAAAAAAAAAAAAAAP03/YUB/WX9ZCAbIBf9NyAcIBj9N/2FASAVIBn9NyAWIBr9N/2FAf1l/WRBEHRyrSAb/QwAAAAAAAAAAAAAAAAAAAAA/TcgHP0MAAAAAAAAAAAAAAAAAAAAAP03/YUBIBX9DAAAAAAAAAAAAAAAAAAAAAD9NyAW/QwAAAAAAAAAAAAAAAAAAAAA/Tf9hQH9Zf1krUIghoQiHachCiADIAEgC2siD0HAAEkEf0EBIA9BAnZ0QQFrBUH//wMLIg8gCiAdQiCIp0F/c3FxIhAgCkF/cyAPcSIPIBAgCkEQdnEiEXJBEHRyNgIAIANBBGohAyAPIBByBEAgBEGAEWogByAMIAdrIhJBwABJGyIKIRMgD0EEdCIPBEAgCiAN/QAEACAPQfABcSIU/QAEkAr9Dv0LBAAgCiAUaUECdGogDf0ABBAgD0EEdkHwAXH9AASQCv0O/QsEACAKIA9B8B9xaUECdGogDf0ABCAgD0EIdkHwAXH9AASQCv0O/QsEACAKIA9B8P8DcWlBAnRqIA39AAQwIA9BDHZB8AFx/QAEkAr9Dv0LBAAgCiAPaUECdGohCgsgEEEEdCIPBEAgBSAO/QAEgAEgD0HwAXEiFP0ABJAK/Q79CwQAIAUgFGlBAnRqIA79AASQASAPQQR2QfABcf0ABJAK/Q79CwQAIAUgD0HwH3FpQQJ0aiAO/QAEoAEgD0EIdkHwAXH9AASQCv0O/QsEACAFIA9B8P8DcWlBAnRqIA79AASwASAPQQx2QfABcf0ABJAK/Q79CwQAIAUgD2lBAnRqIQULIBAgEXNBBHQiDgRAIAYgDf0ABAAgDkHwAXEiD/0ABJAK/Q79CwQAIAYgD2lBAnRqIA39AAQQIA5BBHZB8AFx/QAEkAr9Dv0LBAAgBiAOQfAfcWlBAnRqIA39AAQgIA5BCHZB8AFx/QAEkAr9Dv0LBAAgBiAOQfD/A3FpQQJ0aiAN/QAEMCAOQQx2QfABcf0ABJAK/Q79CwQAIAYgDmlBAnRqIQYLIBJBwABJBEAgEiAKIBNrSQRAQX8PCyAHIBMgCiATa/wKAAALIAcgCiATa2ohBwsgC0FAayELDAELCyAGIAhrQQJ2QQJqQQNuQQJ0IgEgBSAJa0ECdkEBakEBdiIDaiAMIAdrSwR/QX8FIAb9DAAAAAAAAAAAAAAAAAAAAAD9CwQAIAX9DAAAAAAAAAAAAAAAAAAAAAD9CwQAIAghAANAIAAgASAIakkEQCAAIAD9AAQA/Qz/AwAA/wMAAP8DAAD/AwAA/U4gACABav0ABAD9DP8DAAD/AwAA/wMAAP8DAAD9TkEK/asBIAAgAUEBdGr9AAQA/Qz/AwAA/wMAAP8DAAD/AwAA/U5BFP2rAf1Q/VD9CwQAIABBEGohAAwBCwtBACEAA0AgACADSQRAIAkgAEECdGoiBCADQQJ0aiEFIAAgCWogBP0ABABBAv2tASAF/QAEAEEC/asB/VAgBP0ABBBBAv2tASAF/QAEEEEC/asB/VD9hgEgBP0ABCBBAv2tASAF/QAEIEEC/asB/VAgBP0ABDBBAv2tASAF/QAEMEEC/asB/VD9hgH9Zv0LBAAgAEEQaiEADAELCyAHIAggAfwKAAAgASAHaiIAIAkgA/wKAAAgACADaiACawsLyQoDC38DewF+IANBD3FFIANBAWtBgIAESXFFBEBBfw8LIANBP2pBBnZBAnQiCSABSwRAQX4PCyAAIAlqQQRrKAIAIQggA0E/cSIFBH8gCCAIQRB2ckH//wNxQX8gBUECdnRxBUEACwRAQXwPCwNAIAZBCGoiBSAJTQRAIA4gACAGaikDACITQoCA/P+PgECDe6dqIQ4gByATQv//g4Dw/z+De6dqIQcgDSATIBNCEIiDQv//g4Dw/z+De6dqIQ0gBSEGDAELCyAGIAlJBH8gDiAIQRB2IgVpaiEOIA0gBSAIcWlqIQ0gByAIQf//A3FpagUgBwsiBUEBakEBdiIIIAUgDWtBAmpBA25BAnQiByAJIA4gDWsiBkECdGpqaiIFIAFHBEBBfkF6IAEgBUkbDwsgACAJaiIMIAZBAnRqIQUgBEGAGWoiAUHAgARqIg8hBkEAIQ4DQCAOQR5IBEBBACENA0AgByANSwRAIAYgDWogBSANav0ABAAgDv2tAf0M/wMAAP8DAAD/AwAA/wMAAP1O/QsEACANQRBqIQ0MAQsLIAYgB2ohBiAOQQpqIQ4MAQsLIAUgB2ohBkEAIQcDQCAHIAhJBEAgASAHQQJ0aiAGIAdq/VwCAP2JAf2pAUEC/asB/Qw8AAAAPAAAADwAAAA8AAAA/U79CwQAIAdBBGohBwwBCwsgASAIQQJ0aiEFQQAhBwNAIAcgCEkEQCAFIAdBAnRqIAYgB2r9XAIA/YkB/akBQQL9rQH9DDwAAAA8AAAAPAAAADwAAAD9Tv0LBAAgB0EEaiEHDAELC0EAIQ4DQCAOQcAASQRAIAQgDmr9DAEAAAABAAAAAQAAAAEAAAD9CwQAIA5BEGohDgwBCwsgBP0MAAAAAAAAAAAAAAAAAAAAAP0LBEBBACEOA0AgAyAOSwRAIAAgDkEEdmooAgAiB0H//wNxQQR0IgYgB0EMdiIFQX9zcSENIAdBBHRBf3MgBXFB8P8/cSELIARBgAFqIA5B/wdxQQNsaiIHQcABaiEIA0AgByAISQRAIAcgAf0ABAAgBkHwAXEiBf0ABJAMIhL9DiAM/QAEACALQfABcSIK/QAEkAwiEP0OIhFBCv2tAf0M5QDlAOUA5QDlAOUA5QDlAP2VAUEC/a0B/Qw8AAAAPAAAADwAAAA8AAAA/U79UCAQIA1B8AFxIgn9AASQDCIQ/U5BGf2tAf0MQAAAAEAAAABAAAAAQAAAAP1O/VD9CwQAIAcgEEEf/awB/QwA/P//APz//wD8//8A/P///VAgEkEf/awB/U/9CwQQIAcgESAP/QAEACAQ/Q79UP0LBCAgDCAKaUECdGohDCABIAVpQQJ0aiEBIA8gCWlBAnRqIQ8gBkEEdiEGIA1BBHYhDSALQQR2IQsgB0EwaiEHDAELCyAOIA5BgHhxIgZBwAdqRiAOQUBrIANPcgRAQYAIIAMgBmsiBSAFQYAISxshCiAEQYABaiEHIAIgBmoiCSEGA0AgBiAJIApqSQRAIAcoAiAgBCAHKAIAIghBPHFqKAIAIAcoAhBxciEFIAQgCGogBTYCACAGIAU2AgAgBygCJCAEIAcoAgQiCEE8cWooAgAgBygCFHFyIQUgBCAIaiAFNgIAIAYgBTYCBCAHKAIoIAQgBygCCCIIQTxxaigCACAHKAIYcXIhBSAEIAhqIAU2AgAgBiAFNgIIIAcoAiwgBCAHKAIMIghBPHFqKAIAIAcoAhxxciEFIAQgCGogBTYCACAGIAU2AgwgB0EwaiEHIAZBEGohBgwBCwsLIA5BQGshDgwBCwsgAwv7BAIDfgd/IAIgA2ohCiACIQMgAUECSQR+QgAFIAD9AAQAIAD9AAQB/SP9ZCAA/QAEECAA/QAEEf0j/WRBEHRyrSAA/QAEICAA/QAEIf0j/WQgAP0ABDAgAP0ABDH9I/1kQRB0cq1CIIaEIQUgAUHAAEsEfiAFBSAFQgEgAUEBa62GQgF9gwsLIQYDQCABIAxLBEAgBiIFIAxBQGsgAUkEfiABIAxrQUBqIghBAkkEfkIABSAAIAxqQUBrIgf9AAQAIAf9AAQB/SP9ZCAH/QAEECAH/QAEEf0j/WRBEHRyrSAH/QAEICAH/QAEIf0j/WQgB/0ABDAgB/0ABDH9I/1kQRB0cq1CIIaEIQYgCEHAAEsEfiAGBSAGQgEgCEEBa62GQgF9gwsLBUIACyIGQj+GIAVCAYiEgyAGQj6GIAVCAoiEgyIFQgGGIASEIAWFIgVCAFIEQCAEUARAIAwgBXqnaiELIAUgBUIBfYMhBQsDfiAFUAR+QgEFIAsgDUsEQCADIAogACANaiALIA1rEAciA0UEQEF/DwsLIAAgC2otAAAhByAMIAV6p2pBA2oiCCALayENAn8DQCANQQRPBEBBACAKIANrQQJJDQIaIANBgQJBgAEgDSANQYABTxsiCWsgB0EIdHI7AQAgA0ECaiEDIA0gCWshDQwBCwsgAwsiA0UEQEF/DwsgCCAIIAtrQf8AcSIHayAIIAdBBEkbIQ0gBSAFQgF9gyIEQgBSBEAgDCAEeqdqIQsgBCAEQgF9gyEFDAILQgALCyEECyAMQUBrIQwMAQsLIAEgDUsEQCADIAogACANaiABIA1rEAciA0UEQEF/DwsLIAMgAmsLxQQCBH8BeyAAIAFqIQQgAiADaiEFIANBgAFPBEAgBUGAAWshBiAFQUBqIQcDQCAAIARJBEACQCACIAdLDQAgAC0AACIBQYABSQRAIAIgAP0ABAH9CwQAIAIgAP0ABBH9CwQQIAFBIE8EQCABQQFqIAQgAGtPBEBBfg8LIAIgBksNAiACIAD9AAQh/QsEICACIAD9AAQx/QsEMCABQcAATwRAIAIgAP0ABEH9CwRAIAIgAP0ABFH9CwRQIAIgAP0ABGH9CwRgIAIgAP0ABHH9CwRwCwsgAiABQQFqaiECIAQgACABQQJqaiIATQ0BIAFBIE8NAyAALQAAIgFBgAFJDQMLIAIgAP0HAAEiCP0LBAAgAiAI/QsEECABQeEBSQRAIAFBgAFGBEBBfA8LIAIgBksNASACIAj9CwQgIAIgCP0LBDAgAUHBAUkEQCACIAj9CwRAIAIgCP0LBFAgAiAI/QsEYCACIAj9CwRwCwsgAkGBAiABa2ohAiAAQQJqIQAMAgsLCwsgACAESwRAQX4PCwNAIAAgBEkEQCACIAVGBEBBeg8LIAAtAAAiAUGAAUkEfyABQQFqIgEgBCAAa08EQEF+DwsgASAFIAJrSwRAQX0PCyACIABBAWogAfwKAAAgASACaiECIAAgAUEBamoFIAFBgAFGBEBBfA8LIAQgAGtBAkkEQEF+DwtBgQIgAWsiASAFIAJrSwRAQX0PCyACIAAtAAEgAfwLACABIAJqIQIgAEECagshAAwBCwtBeyADIAIgBUcbC6EIAgx/A34gAUEBa0GAgARPBEBBfw8LIAIiCEGRggQgAyADQZGCBE8baiIMQUBqIQ0gACEDIAFBDEsEQCAEQQBBgIAC/AsAIAEgA2pBDGshCyADQQFqIQcDQCAHQQJqIAtNBEACQCAAIAQgBykDACISQoCAgNjLm++NT35CMoinQQF0aiIGLwEAaiEFIAYgByAAazsBACAAIAQgEkIIiCITQoCAgNjLm++NT35CMoinQQF0aiIKLwEAaiIGKAIAIQ4gACAEIBJCEIgiEUKAgIDYy5vvjU9+QjKIp0EBdGoiDy8BAGoiCSgCACEQIAUoAgAgEqdHBEAgCiAHQQFqIgcgAGs7AQAgBiEFIA4gE6dHBEAgDyAHQQFqIgcgAGs7AQAgCSEFIBAgEadHBEAgB0EBaiEHQcAAIQYDQCAHIAtNBEACQCAAIAQgBykDACIRQoCAgNjLm++NT35CMoinQQF0aiIJLwEAaiEFIAkgByAAazsBACAFKAIAIBGnRg0AIAYiCUEBaiEGIAcgCUEGdmohBwwCCwsLIAcgC0sNAwsLCyAFIQkgByEGIAMgB0kEQANAIAAgCUkEQAJAIAZBAWsiCi0AACAJQQFrIgktAABHDQAgCiIGIANNDQAMAgsLCwsgByAFayEOIAYiCSADayEPIAdBBGohByAFQQRqIQYCQANAIAcgC0kEQCAHIAcpAwAgBikDAIUiEXqnQQN2aiEFIBFCAFINAiAHQQhqIQcgBkEIaiEGDAELCyALQQdqIQUDQCAFIAdLBEAgBy0AACAHIA5rLQAARgRAIAdBAWohBwwCCwsLIAchBQsgBSIGIAlrIRAgDyANIAhrSiAFIANrQYDAAEtyBEAgCCAMIAMgDyAOIBAQCCIIRQRAQX8PCwUgAyEHIAhBAWohBSAPQQR0IQogD0EPSQRAIAUgB/0ABAD9CwQAIAUgD2ohAwVB8AEhCiAPQQ9rIQkDQCAJQf8BTwRAIAUiA0EBaiEFIANB/wE6AAAgCUH/AWshCQwBCwsgBSAJOgAAIA8gBUEBaiIFaiEDA0AgBSAH/QAEAP0LBAAgB0EQaiEHIAVBEGoiBSADSQ0ACwsgAyAOOwEAIANBAmohBQJAIBBBBGsiA0EPSQRAIAggAyAKcjoAAAwBCyAIIApBD3I6AAAgA0EPayEIA0AgCEH/AU8EQCAFIgNBAWohBSADQf8BOgAAIAhB/wFrIQgMAQsLIAUgCDoAACAFQQFqIQULIAUhCAsgBCAGIgMiB0ECayIFKQMAQoCAgNjLm++NT35CMoinQQF0aiAFIABrOwEAIAQgB0EBayIFKQMAQoCAgNjLm++NT35CMoinQQF0aiAFIABrOwEADAILCwsLIAggDCADIAAgAWogA2tBAEEAEAgiACACa0F/IAAbC6IFAgp/AXsgAUGAgIAISwRAQX0PCyAAIgQgAWohCyACIgUgA2ohDCADQTBNIAFBEk1yBEAgACALIAUgBSAMEAkPCyALQRJrIQkgDEEwayEKA0AgBCAJayAFIAprcUEASARAAkAgBC0AACINQQR2IQcgBSAEQQFqIgD9AAQA/QsEACAHQQ9GBEAgACIBQQFqIQAgByABLQAAIgNqIQcDQCADQf8BRiAAIAlJcQRAIAAiAUEBaiEAIAcgAS0AACIDaiEHDAELCyAHIAkgAGtPIAAgCU9yIAcgCiAFa09yDQEgACEGIAcgBSIDaiEBA0AgAyAG/QAEAP0LBAAgBkEQaiEGIAEgA0EQaiIDSw0ACwsgACAHaiIALwEAIQggAEECaiEAIAggBSAHaiIBIAJrSwRAQXwPCyABIAhrIQYgDUEPcUEEaiIHQRNHBEAgCEEITwRAIAEgBikDADcDACABIAYpAwg3AwggASAGLwEQOwEQBSAIRQRAQXwPCyABIAb9AAQAIAhBBHRBgAhq/QAEAP0OIg79CwQAIAEgCEGACmotAABqIA79CwQACwUgCEUEQEF8DwsgACAJTw0BIAAiA0EBaiEAIAcgAy0AACIDaiEHA0AgA0H/AUYgACAJSXEEQCAAIgNBAWohACAHIAMtAAAiA2ohBwwBCwsgA0H/AUYgASAKT3IgByAKIAFrT3INASAIQRBPBEAgByABIgNqIQQDQCADIAb9AAQA/QsEACAGQRBqIQYgBCADQRBqIgNLDQALBSAHIAEiA2ohBCAG/QAEACAIQQR0QYAIav0ABAD9DiEOIAhBgApqLQAAIQUDQCADIA79CwQAIAQgAyAFaiIDSw0ACwsLIAAhBCABIAdqIQUMAgsLCyAEIAsgAiAFIAwQCQsL8wcFAEGACAuAAgABAgMEBQYHCAkKCwwNDg8AAAAAAAAAAAAAAAAAAAAAAAEAAQABAAEAAQABAAEAAQABAgABAgABAgABAgABAgAAAQIDAAECAwABAgMAAQIDAAECAwQAAQIDBAABAgMEAAABAgMEBQABAgMEBQABAgMAAQIDBAUGAAECAwQFBgABAAECAwQFBgcAAQIDBAUGBwABAgMEBQYHCAABAgMEBQYAAQIDBAUGBwgJAAECAwQFAAECAwQFBgcICQoAAQIDBAABAgMEBQYHCAkKCwABAgMAAQIDBAUGBwgJCgsMAAECAAECAwQFBgcICQoLDA0AAQABAgMEBQYHCAkKCwwNDgAAQYAKCxAQEBAPEA8MDhAJCgsMDQ4PAEGQCguAAoCAgICAgICAgICAgICAgIAAAQIDgICAgICAgICAgICABAUGB4CAgICAgICAgICAgAABAgMEBQYHgICAgICAgIAICQoLgICAgICAgICAgICAAAECAwgJCguAgICAgICAgAQFBgcICQoLgICAgICAgIAAAQIDBAUGBwgJCguAgICADA0OD4CAgICAgICAgICAgAABAgMMDQ4PgICAgICAgIAEBQYHDA0OD4CAgICAgICAAAECAwQFBgcMDQ4PgICAgAgJCgsMDQ4PgICAgICAgIAAAQIDCAkKCwwNDg+AgICABAUGBwgJCgsMDQ4PgICAgAABAgMEBQYHCAkKCwwNDg8AQZAMC4ACgICAgICAgICAgICAgICAgAABAgOAgICAgICAgICAgICAgICAAAECA4CAgICAgICAAAECAwQFBgeAgICAgICAgICAgICAgICAAAECA4CAgIAAAQIDgICAgAQFBgeAgICAgICAgAABAgMEBQYHgICAgAABAgMEBQYHCAkKC4CAgICAgICAgICAgICAgIAAAQIDAAECA4CAgICAgICABAUGB4CAgIAAAQIDgICAgAQFBgcAAQIDBAUGB4CAgIAICQoLgICAgICAgIAAAQIDBAUGBwABAgOAgICABAUGBwgJCguAgICAAAECAwQFBgcICQoLAAECAwQFBgcICQoLDA0ODwBBwA4LwAG4/mw5I6RLvnwBgSz3Ia0c3tRt6YOQl9tyQKSkt7NnH8t55k7MwOV4glrQfcz/ciG4CEZ090MkjuA1kOaBOiZMPChSu5HDAMuI0GWLG1Muo3FkSJeiDflOOBnvRqnerNio+nY/45w0P/ncu8fHC08dilHgS820WTHIn37J2XhzZOrFrIM00+vDxYGg//oTY+sXDd1Rt/DaSdMWVSYp1GieKxa+WH1HofyP+LjRetAxzkXLOo+VFgQor9f7yrtLQH4=";

// src/kernels/kernels.ts
var WASM_PAGE_BYTES = 65536;
var ADDRESSABLE_BYTES = 4 * 1024 ** 3;
var compiled;
function kernelModule() {
  compiled ??= typeof Buffer === "function" ? Promise.resolve(new WebAssembly.Module(fromBase64(KERNELS_BASE64))) : WebAssembly.compile(fromBase64(KERNELS_BASE64));
  return compiled;
}
async function loadKernels(memoryBytes2, module) {
  const pages = Math.ceil(memoryBytes2 / WASM_PAGE_BYTES);
  if (!(pages >= 1 && pages * WASM_PAGE_BYTES <= ADDRESSABLE_BYTES))
    throw new RangeError(`kernel memory: expected 1 \u2026 ${ADDRESSABLE_BYTES} bytes, got ${memoryBytes2}`);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { instance } = instantiateSync(module ?? await kernelModule(), { env: { memory } });
  const run = instance.exports;
  const bytes = new Uint8Array(memory.buffer);
  const slack = run.SLOT_SLACK.value;
  let next = align(run.heapBase());
  return {
    run,
    bytes,
    words: new Uint32Array(memory.buffer),
    memoryBytes: bytes.length,
    reserve(size, what) {
      const address = next;
      const end = align(address + size + slack);
      if (end > bytes.length)
        throw new RangeError(`${what}: needs ${size} bytes, kernel memory has ${bytes.length - address} left`);
      next = end;
      return address;
    }
  };
}
function align(address) {
  return Math.ceil(address / 64) * 64;
}
function fromBase64(text) {
  if (typeof Buffer === "function") return new Uint8Array(Buffer.from(text, "base64"));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// src/strategy/outlook.ts
var TELLING_SHARE = 0.05;
var PLENTY_MS = [100, 500];
var BY_BACKLOG = 2;
var BY_OUTLOOK = 8;
var LEAST = Math.log(0.7);
var FAST_BITS_PER_SECOND = 4e9;
var StreamWatch = class {
  freeAtMs = 0;
  bytesSeen = 0;
  image = -1;
  imageStart = { ms: 0, bytes: 0 };
  /** Where the stream stands now; `plentyMs` is about what a few groups keep the link busy for. */
  look(state, plentyMs) {
    const linkBytesPerMs = state.linkBitsPerSecond / 8e3;
    const now = state.elapsedMs();
    if (state.bytesTaken !== void 0) this.freeAtMs = now + (state.bytesOut - state.bytesTaken) / linkBytesPerMs;
    else this.freeAtMs = Math.max(this.freeAtMs, now) + (state.bytesOut - this.bytesSeen) / linkBytesPerMs;
    this.bytesSeen = state.bytesOut;
    const cpuBacklogMs = state.pendingMs / state.threads;
    const linkBacklogMs = Math.max(0, this.freeAtMs - now - cpuBacklogMs);
    const [least, most] = PLENTY_MS;
    const plenty = Math.min(most, Math.max(least, plentyMs));
    const pressure = this.extrapolated(state, now + cpuBacklogMs, linkBytesPerMs);
    const backlog = Math.max(-1, Math.min(2, (linkBacklogMs - cpuBacklogMs) / plenty));
    const graceMs = plenty / 4;
    const moment = Math.max(LEAST, BY_BACKLOG * backlog);
    if (pressure === void 0) return { linkBacklogMs, graceMs, bytePrice: Math.exp(moment) };
    const weight = state.progress.share;
    const outlook = (1 - weight) * moment + weight * BY_OUTLOOK * pressure;
    const mixed = Math.max(outlook, LEAST, -BY_BACKLOG * Math.min(1, cpuBacklogMs / plenty));
    const both = state.linkBitsPerSecond < FAST_BITS_PER_SECOND ? mixed : Math.min(mixed, moment);
    return { linkBacklogMs, graceMs, bytePrice: Math.exp(both) };
  }
  /** How much later the link finishes than the encoder, as a share of the later of both: 1 … -1. */
  extrapolated(state, encodedAtMs, linkBytesPerMs) {
    const { progress } = state;
    if (!progress) return void 0;
    if (progress.image !== this.image) {
      this.image = progress.image;
      this.imageStart = { ms: encodedAtMs, bytes: state.bytesOut };
    }
    if (progress.share < TELLING_SHARE) return void 0;
    const toCome = (1 - progress.share) / progress.share;
    const encodeMs = encodedAtMs + toCome * (encodedAtMs - this.imageStart.ms);
    const sendMs2 = Math.max(this.freeAtMs, encodedAtMs) + toCome * (state.bytesOut - this.imageStart.bytes) / linkBytesPerMs;
    return (sendMs2 - encodeMs) / Math.max(sendMs2, encodeMs, 1);
  }
};

// src/strategy/packing-costs.ts
var START = [
  [{ name: "raw" }, 5e6, 1],
  [{ name: "lz4" }, 8e5, 0.92],
  [{ name: "zstd", level: 1 }, 5e5, 0.72],
  [{ name: "zstd", level: 3 }, 34e4, 0.68],
  [{ name: "zstd", level: 5 }, 18e4, 0.66],
  [{ name: "zstd", level: 7 }, 115e3, 0.645],
  [{ name: "zstd", level: 9 }, 92e3, 0.637],
  [{ name: "zstd", level: 10 }, 78e3, 0.6345],
  [{ name: "zstd", level: 11 }, 6e4, 0.6334],
  [{ name: "zstd", level: 12 }, 48e3, 0.6332]
];
var LEAST_BYTES = 65536;
var COMMON = 0.15;
var OWN_SPEED = 0.15;
var OWN_SIZE = 5e-3;
var MOST = 2;
var CODED_SHARE = 0.6;
var NOTHING_FROM = 0.97;
var ALL_BELOW = 0.85;
var CLASSES_BELOW = [0.25, 0.5, 0.75, Infinity];
var PackingCosts = class {
  options = START.map(([packing, bytesPerMs, ofEstimate]) => ({
    packing,
    bytesPerMs,
    ofEstimate
  }));
  expected = { ms: 0, bytes: 0 };
  /** By class: how much smaller or larger its groups turn out than their estimates say. */
  ofClass = CLASSES_BELOW.map(() => 1);
  /** What an option would make of a group; the same object each time. */
  expect(option, group) {
    const { expected } = this;
    const { name } = option.packing;
    expected.ms = group.bytes / option.bytesPerMs;
    const share = estimatedShare(group);
    const gives = Math.min(1, Math.max(0, (NOTHING_FROM - share) / (NOTHING_FROM - ALL_BELOW)));
    const packedShare = share * this.ofClass[classOf(group)] * (1 - gives * (1 - option.ofEstimate));
    expected.bytes = name === "raw" ? group.bytes : Math.min(group.bytes, group.bytes * packedShare);
    return expected;
  }
  learn({ packing, group, packedBytes, ms }) {
    if (packing.name === "raw" || group.bytes < LEAST_BYTES || group.kind === "coded" || !(ms > 0)) return;
    const option = this.options.find(({ packing: known }) => known.name === packing.name && known.level === packing.level);
    if (!option) return;
    const expected = this.expect(option, group);
    const faster = within(expected.ms / ms);
    const larger = within(packedBytes / expected.bytes);
    this.ofClass[classOf(group)] *= larger ** COMMON;
    option.ofEstimate *= larger ** OWN_SIZE;
    for (const other of this.options) {
      if (other.packing.name === "raw") continue;
      other.bytesPerMs *= faster ** (other === option ? COMMON + OWN_SPEED : COMMON);
    }
  }
};
function estimatedShare({ kind, bytes, estimatedBytes }) {
  return kind === "coded" ? CODED_SHARE : estimatedBytes / bytes;
}
function classOf(group) {
  const share = estimatedShare(group);
  return CLASSES_BELOW.findIndex((below) => share < below);
}
function within(factor) {
  return Math.min(MOST, Math.max(1 / MOST, factor));
}

// src/strategy/adaptive.ts
var MIB = 1 << 20;
var DELTA_PAYS = 0.45;
var LOOKS_PAY_BELOW = 3e8;
var INCOMPRESSIBLE = 0.97;
var WORTH_A_LOOK = 8;
var PLENTY_GROUPS = 4;
function adaptive() {
  const costs = new PackingCosts();
  const watch = new StreamWatch();
  return {
    name: "adaptive",
    choose(page, state) {
      const worth = DELTA_PAYS * page.pageBytes;
      const version = page.hasVersion ? page.measure("xbzrle") : Infinity;
      if (version < worth / 4) return "xbzrle";
      const similar2 = page.hasSimilar ? page.measure("similar") : Infinity;
      if (Math.min(version, similar2) < worth) return version <= similar2 ? "xbzrle" : "similar";
      if (state.linkBitsPerSecond >= LOOKS_PAY_BELOW) return "group";
      return page.profile.estimatedBytes >= INCOMPRESSIBLE * page.pageBytes ? "raw" : "group";
    },
    pack: (group, state) => cheapest(costs, watch, group, state),
    packs: (linkBitsPerSecond) => linkBitsPerSecond < FAST_BITS_PER_SECOND,
    packed: (result) => costs.learn(result),
    groupBytes
  };
}
function groupBytes(state) {
  return state.linkBitsPerSecond <= LOOKS_PAY_BELOW ? 8 * MIB : 2 * MIB;
}
function cheapest(costs, watch, group, state) {
  const linkBytesPerMs = state.linkBitsPerSecond / 8e3;
  const { linkBacklogMs, graceMs, bytePrice } = watch.look(state, PLENTY_GROUPS * group.bytes / linkBytesPerMs);
  let chosen = { name: "raw" };
  if (state.linkBitsPerSecond >= FAST_BITS_PER_SECOND && bytePrice < WORTH_A_LOOK) return chosen;
  let chosenPrice = Infinity;
  for (const option of costs.options) {
    if (option.packing.name === "zstd" && !state.zstd) continue;
    const { ms, bytes } = costs.expect(option, group);
    const packMs = ms / state.threads + state.handoverMs(option.packing.name);
    const waitMs = Math.max(0, packMs - linkBacklogMs - graceMs);
    const price = packMs + bytePrice * (bytes / linkBytesPerMs + waitMs);
    if (price < chosenPrice) {
      chosen = { ...option.packing, expectedMs: ms, expectedBytes: bytes };
      chosenPrice = price;
    }
  }
  return chosen;
}

// src/strategy/characteristic.ts
var ZERO_DOMINANT = 0.75;
var DICTIONARY_DOMINANT = 0.5;
var INCOMPRESSIBLE2 = 0.95;
var characteristic = {
  name: "characteristic",
  choose({ profile, pageBytes }) {
    if (profile.zeroWords >= ZERO_DOMINANT * profile.words) return "zero-aware";
    if (profile.dictionaryWords >= DICTIONARY_DOMINANT * profile.words) return "wkdm";
    return profile.estimatedBytes < INCOMPRESSIBLE2 * pageBytes ? "lz4" : "raw";
  }
};

// src/strategy/fixed.ts
function fixed(codec, zstdLevel) {
  const name = `fixed:${codec}${zstdLevel === void 0 ? "" : `:${zstdLevel}`}`;
  if (codec === "zstd" && zstdLevel !== void 0)
    return { name, choose: () => "group", packs: () => true, pack: () => ({ name: "zstd", level: zstdLevel }) };
  return { name, choose: () => codec, packs: () => codec === "lz4" || codec === "zstd" };
}

// src/strategy/mecom.ts
var ZERO_BYTES = 0.75;
var SIMILAR_WORDS = 0.5;
var PAYS = 0.95;
var mecom = {
  name: "mecom",
  choose(page) {
    const { profile, pageBytes } = page;
    if (profile.zeroBytes >= ZERO_BYTES * pageBytes && page.measure("zero-aware") < PAYS * pageBytes) return "zero-aware";
    const matched = profile.dictionaryWords + profile.zeroWords;
    if (matched >= SIMILAR_WORDS * profile.words && page.measure("wkdm") < PAYS * pageBytes) return "wkdm";
    return profile.estimatedBytes < PAYS * pageBytes ? "lz4" : "raw";
  }
};

// src/strategy/smallest.ts
var ALONE = ["rle", "zero-aware", "xbzrle", "similar", "wkdm"];
var GROUP_SHARE = 0.75;
var LEVEL = 9;
var smallest = {
  name: "smallest",
  choose(page, state) {
    const lz4Bytes = Math.min(page.measure("lz4"), page.pageBytes);
    let best = "group";
    let bestBytes = state.zstd ? lz4Bytes * GROUP_SHARE : lz4Bytes;
    for (const codec of ALONE) {
      const bytes = page.measure(codec);
      if (bytes * (state.zstd ? GROUP_SHARE : 1) < bestBytes) {
        best = codec;
        bestBytes = bytes * (state.zstd ? GROUP_SHARE : 1);
      }
    }
    return best;
  },
  packs: () => true,
  pack: (_, state) => state.zstd ? { name: "zstd", level: LEVEL } : { name: "lz4" }
};

// src/strategy/registry.ts
var STRATEGIES = {
  adaptive,
  smallest: () => smallest,
  characteristic: () => characteristic,
  mecom: () => mecom
};
function strategyByName(name) {
  const made = Object.hasOwn(STRATEGIES, name) ? STRATEGIES[name]() : fixedByName(name);
  if (made) return made;
  throw new PageferryError(
    "bad-argument",
    `unknown strategy "${name}": expected one of ${Object.keys(STRATEGIES).join(", ")}, fixed:<codec>`
  );
}
function fixedByName(name) {
  const [kind, codec, level, ...rest] = name.split(":");
  if (kind !== "fixed" || codec === void 0 || !isCodecName(codec) || rest.length > 0) return void 0;
  if (level === void 0) return fixed(codec);
  return codec === "zstd" && /^([1-9]|1\d|2[0-2])$/.test(level) ? fixed(codec, Number(level)) : void 0;
}

// src/engine/options.ts
var MIB2 = 1 << 20;
async function kernelsWithin(memoryBytes2, options) {
  try {
    return await loadKernels(memoryBytes2);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new PageferryError("limit", `${options}: ${memoryBytes2} bytes of memory are needed: ${cause.message}`, { cause });
  }
}
function encoderSettings(options) {
  const { pageBytes = 4096, strategy = "adaptive", dedup = true } = options;
  if (!PAGE_BYTES.includes(pageBytes))
    throw new PageferryError("bad-argument", `pageBytes: expected one of ${PAGE_BYTES.join(", ")}, got ${pageBytes}`);
  const indexPages2 = within2("indexPages", options.indexPages ?? 1 << 18, 1, 2 ** 26);
  return {
    pageBytes,
    strategy: typeof strategy === "string" ? strategyByName(strategy) : strategy,
    linkBitsPerSecond: linkRate(options.linkBitsPerSecond ?? 1e9),
    threads: whole("threads", options.threads ?? 1, 1, 16),
    deltaBudgetBytes: whole("deltaBudgetBytes", options.deltaBudgetBytes ?? 256 * MIB2, 0, 2048 * MIB2),
    indexSlots: 2 ** Math.max(10, Math.ceil(Math.log2(indexPages2))),
    dedup,
    similar: dedup && (options.similar ?? true),
    clock: options.clock ?? (() => performance.now())
  };
}
function linkRate(rate) {
  return rate === "measured" ? rate : within2("linkBitsPerSecond", rate, 1, 1e15);
}
function within2(name, value, least, most) {
  if (value >= least && value <= most) return value;
  throw new PageferryError("bad-argument", `${name}: expected ${least} \u2026 ${most}, got ${value}`);
}
function whole(name, value, least, most) {
  if (Number.isInteger(value)) return within2(name, value, least, most);
  throw new PageferryError("bad-argument", `${name}: expected a whole number, got ${value}`);
}

// src/engine/create-decoder.ts
var MIB3 = 1 << 20;
async function createDecoder(openSink, options = {}) {
  const zstd2 = options.zstd === null ? void 0 : options.zstd ?? await loadZstd();
  const kernels = await kernelsWithin(decoderBytes(options), "maxFrameBytes");
  return decoderIn(kernels, zstd2, openSink, options);
}
function decoderBytes(options) {
  return 2 * packedLimit(frameBytes(options)) + CHUNK_BYTES + 3 * MIB3;
}
function decoderIn(kernels, zstd2, openSink, options) {
  const { maxBytes = 2 ** 40 } = options;
  const maxFrameBytes = frameBytes(options);
  const data = kernels.reserve(packedLimit(maxFrameBytes), "frame data");
  const frames = new FrameDecoder(createCodecContext(kernels), zstd2, maxFrameBytes);
  return new Decoder(kernels, frames, data, openSink, { maxFrameBytes, maxBytes }, options.bases ?? [], options.observe);
}
function frameBytes({ maxFrameBytes = 32 * MIB3 }) {
  return whole("maxFrameBytes", maxFrameBytes, 0, 2 ** 32 - 1);
}

// src/dedup/page-digests.ts
var CHUNK_PAGES = 65536;
var PageDigests = class {
  constructor(kernels) {
    this.kernels = kernels;
  }
  kernels;
  chunks = [];
  pages = 0;
  /** Appends the digests of `count` pages, which stand at `digests`. */
  append(digests, count) {
    const { words } = this.kernels;
    const first = digests >>> 2;
    for (let done = 0; done < count; ) {
      const at = this.pages % CHUNK_PAGES;
      if (at === 0) this.chunks.push(new Uint32Array(4 * CHUNK_PAGES));
      const fits = Math.min(count - done, CHUNK_PAGES - at);
      this.chunks[this.chunks.length - 1].set(words.subarray(first + 4 * done, first + 4 * (done + fits)), 4 * at);
      this.pages += fits;
      done += fits;
    }
  }
  /** Whether the digest at `digest` is that of `page`. */
  matches(page, digest) {
    if (page >= this.pages) return false;
    const chunk = this.chunks[Math.floor(page / CHUNK_PAGES)];
    const at = 4 * (page % CHUNK_PAGES);
    const { words } = this.kernels;
    const first = digest >>> 2;
    return chunk[at] === words[first] && chunk[at + 1] === words[first + 1] && chunk[at + 2] === words[first + 2] && chunk[at + 3] === words[first + 3];
  }
};

// src/dedup/earlier.ts
var WINDOW_PAGES = 16;
var EarlierImages = class {
  constructor(kernels, pageBytes, versions) {
    this.kernels = kernels;
    this.pageBytes = pageBytes;
    this.versions = versions;
    this.slot = kernels.reserve(WINDOW_PAGES * pageBytes, "earlier pages");
    this.digest = kernels.reserve(16, "earlier page digest");
  }
  kernels;
  pageBytes;
  versions;
  images = [];
  slot;
  digest;
  /** Which pages stand in the slot. */
  window = { image: -1, first: 0, pages: 0 };
  get count() {
    return this.images.length;
  }
  /** Opens the next image; its digests are appended as its pages go by. */
  add(source) {
    const image = { digests: new PageDigests(this.kernels), source: source?.readAt ? source : void 0 };
    this.images.push(image);
    return image;
  }
  image(number) {
    return this.images[number];
  }
  /**
   * Where a whole page stands in the kernels' memory as it was sent, or 0 when it cannot be had. The address is good until the
   * next call.
   */
  find(image, page) {
    const kept = this.versions.find(image, page);
    if (kept !== 0) return kept;
    const read = this.read(image, page);
    return read !== 0 && this.isAsSent(image, page, read) ? read : 0;
  }
  /** Where a page stands whose bytes are the same as those at `address`, confirmed byte by byte. */
  confirm(image, page, address) {
    const { run } = this.kernels;
    const kept = this.versions.find(image, page);
    if (kept !== 0) return run.pagesEqual(kept, address, this.pageBytes) === 1;
    const read = this.read(image, page);
    return read !== 0 && run.pagesEqual(read, address, this.pageBytes) === 1;
  }
  /** Whether the bytes at `address` are the page as it was sent. */
  isAsSent(image, page, address) {
    this.kernels.run.hash128(address, this.pageBytes, 0, 0, this.digest);
    return this.images[image]?.digests.matches(page, this.digest) ?? false;
  }
  /** Where a page stands as its source has it now, or 0. Pages asked for one after the other are read several at a time. */
  read(image, page) {
    const source = this.images[image]?.source;
    if (!source?.readAt) return 0;
    const { pageBytes, window } = this;
    if (image !== window.image || page < window.first || page >= window.first + window.pages) {
      const next = image === window.image && page === window.first + window.pages;
      const into = this.kernels.bytes.subarray(this.slot, this.slot + (next ? WINDOW_PAGES : 1) * pageBytes);
      window.image = image;
      window.first = page;
      window.pages = Math.floor(source.readAt(into, page * pageBytes) / pageBytes);
      if (window.pages === 0) return 0;
    }
    return this.slot + (page - window.first) * pageBytes;
  }
};

// src/dedup/page-index.ts
var BUCKET_BYTES = 64;
var PAGES_A_BUCKET = 4;
var NO_PLACE = 4294967295;
var SKETCH_SLOT_BYTES = 12;
var MOST_CANDIDATES = 4;
var PageIndex = class {
  constructor(kernels, pageBytes, pageCapacity, sketchSlotCount, runPages) {
    this.kernels = kernels;
    this.pageBytes = pageBytes;
    this.sketchSlotCount = sketchSlotCount;
    this.bucketCount = pageCapacity / PAGES_A_BUCKET;
    this.index = kernels.reserve(this.bucketCount * BUCKET_BYTES, "fingerprint index");
    this.places = kernels.reserve(8 * runPages, "places of a run");
    this.sketches = kernels.reserve(sketchSlotCount * SKETCH_SLOT_BYTES, "sketches");
    this.features = kernels.reserve(64, "sketch");
    this.found = this.features + 16;
  }
  kernels;
  pageBytes;
  sketchSlotCount;
  index;
  sketches;
  features;
  found;
  /** Where the pages of the last run were seen: 8 bytes each. */
  places;
  bucketCount;
  /** What `find` or `wasSeen` told last. */
  hit = { image: 0, page: 0 };
  /** The last `findSimilar`'s results. */
  candidates = Array.from({ length: MOST_CANDIDATES }, () => ({ image: 0, page: 0 }));
  /**
   * Takes in a run of pages by their digests (16 bytes a page), those of a class (u16) other than 0 left out: for each, in order,
   * `wasSeen` then tells of the first page that had its digest; a page that is new stands for it from then on.
   */
  addRun(digests, classes, count, image, firstPage) {
    this.kernels.run.indexAddPages(this.index, this.bucketCount, digests, classes, count, image, firstPage, this.places);
  }
  /** Whether page `i` of the last run was seen before; `hit` tells where. */
  wasSeen(i) {
    return this.take(this.places + 8 * i);
  }
  /** Whether a page with this digest was seen; `hit` tells where. */
  find(digest) {
    this.kernels.run.indexFind(this.index, this.bucketCount, digest, this.found);
    return this.take(this.found);
  }
  /** Puts a page down, in place of another of its digest. */
  insert(digest, image, page) {
    this.kernels.run.indexInsert(this.index, this.bucketCount, digest, image, page);
  }
  take(place) {
    const image = this.kernels.words[(place >>> 2) + 1];
    if (image === NO_PLACE) return false;
    this.hit.image = image;
    this.hit.page = this.kernels.words[place >>> 2];
    return true;
  }
  /** Fills `candidates` with pages that share a feature with this one; returns how many. Whole pages only. */
  findSimilar(page) {
    const { run, words } = this.kernels;
    run.sketchPage(page, this.pageBytes, this.features);
    const count = run.sketchFind(this.sketches, this.sketchSlotCount, this.features, this.found);
    for (let i = 0; i < count; i++) {
      const candidate = this.candidates[i];
      candidate.image = words[(this.found >>> 2) + 2 * i];
      candidate.page = words[(this.found >>> 2) + 2 * i + 1];
    }
    return count;
  }
  /** Puts a page's sketch down; `sketched`: it is the page that `findSimilar` just looked at. */
  insertSketch(page, image, number, sketched = false) {
    const { run } = this.kernels;
    if (!sketched) run.sketchPage(page, this.pageBytes, this.features);
    run.sketchInsert(this.sketches, this.sketchSlotCount, this.features, image, number);
  }
};

// src/dedup/version-store.ts
var NONE = 4294967295;
var VersionStore = class {
  constructor(kernels, pageBytes, budgetBytes) {
    this.kernels = kernels;
    this.pageBytes = pageBytes;
    this.capacity = Math.floor(budgetBytes / pageBytes);
    this.base = this.capacity > 0 ? kernels.reserve(this.capacity * pageBytes, "last versions") : 0;
    this.since = new Uint32Array(this.capacity);
    this.until = new Uint32Array(this.capacity);
    this.held = new Uint32Array(this.capacity);
  }
  kernels;
  pageBytes;
  base;
  capacity;
  used = 0;
  slotOf = new Uint32Array(0);
  /** Which images a slot's content stands for: it came with `since` and was still the page in `until`. */
  since;
  until;
  held;
  /** Where `page` stands as it was in `image`, or 0. */
  find(image, page) {
    const slot = this.slot(page);
    return slot === NONE || image < this.since[slot] || image > this.until[slot] ? 0 : this.address(slot);
  }
  /** Keeps a page as it is in `image`; false when the budget has no room for it. */
  keep(image, page, address, bytes) {
    let slot = this.slot(page);
    if (slot === NONE) {
      if (this.used === this.capacity) return false;
      slot = this.used++;
      this.grow(page);
      this.slotOf[page] = slot;
    }
    this.kernels.bytes.copyWithin(this.address(slot), address, address + bytes);
    this.since[slot] = image;
    this.until[slot] = image;
    this.held[slot] = bytes;
    return true;
  }
  /**
   * Says that `page`, as `parent` had it, is also what `image` has. Only heard when nothing lies between the two: the image in
   * between may have another page there that was not kept.
   */
  extend(parent, image, page) {
    const slot = this.slot(page);
    if (slot !== NONE && this.until[slot] === parent && image === parent + 1) this.until[slot] = image;
  }
  slot(page) {
    return page < this.slotOf.length ? this.slotOf[page] : NONE;
  }
  address(slot) {
    return this.base + slot * this.pageBytes;
  }
  grow(page) {
    if (page < this.slotOf.length) return;
    const larger = new Uint32Array(Math.max(1024, 2 * this.slotOf.length, page + 1)).fill(NONE);
    larger.set(this.slotOf);
    this.slotOf = larger;
  }
};

// src/engine/candidate.ts
var PROFILE_FIELDS = [
  "zeroWords",
  "repeatedWords",
  "dictionaryWords",
  "runs",
  "runBytes",
  "changedBytes",
  "changedRuns",
  "estimatedBytes",
  "zeroBytes"
];
var GOOD_ENOUGH = 1 / 16;
var Candidate = class {
  constructor(context, pageBytes, earlier, index) {
    this.context = context;
    this.pageBytes = pageBytes;
    this.earlier = earlier;
    this.index = index;
    const { kernels } = context;
    this.out = kernels.reserve(pageBytes, "coded page");
    this.similarOut = kernels.reserve(pageBytes, "coded page");
    this.profileAt = kernels.reserve(kernels.run.PROFILE_BYTES.value, "profile");
    const zeros = Object.fromEntries(PROFILE_FIELDS.map((field) => [field, 0]));
    this.profileData = { words: pageBytes >>> 2, ...zeros };
  }
  context;
  pageBytes;
  earlier;
  index;
  address = 0;
  number = 0;
  parent;
  versionAt = 0;
  versionChecked = false;
  profiled = false;
  searched = false;
  similarBytes = Infinity;
  /** Where the similar page is that `similar` was measured against. */
  similarTo = { image: 0, page: 0 };
  /** Which codec's bytes stand in `out`, and how many. */
  coded;
  codedBytes = Infinity;
  out;
  similarOut;
  profileAt;
  profileData;
  /** Looks at another page; `version` is where its last version may stand (0: nowhere), not yet proved to be as it was sent. */
  set(address, number, parent, version) {
    this.address = address;
    this.number = number;
    this.parent = parent;
    this.versionAt = version;
    this.versionChecked = false;
    this.profiled = false;
    this.searched = false;
    this.similarBytes = Infinity;
    this.coded = void 0;
  }
  get hasVersion() {
    if (!this.versionChecked) {
      this.versionChecked = true;
      if (this.versionAt !== 0 && !this.earlier.isAsSent(this.parent, this.number, this.versionAt)) this.versionAt = 0;
    }
    return this.versionAt !== 0;
  }
  get hasSimilar() {
    if (!this.searched) this.search();
    return this.similarBytes !== Infinity;
  }
  /** Whether the page's sketch was just taken. */
  get sketched() {
    return this.searched;
  }
  get profile() {
    if (!this.profiled) {
      this.profiled = true;
      const { run, words } = this.context.kernels;
      run.profilePage(this.address, this.hasVersion ? this.versionAt : 0, this.pageBytes, this.profileAt);
      const first = this.profileAt >>> 2;
      for (let i = 0; i < PROFILE_FIELDS.length; i++) this.profileData[PROFILE_FIELDS[i]] = words[first + i];
    }
    return this.profileData;
  }
  measure(name) {
    if (name === "raw") return this.pageBytes;
    if (name === "similar") return this.hasSimilar ? this.similarBytes : Infinity;
    if (name === this.coded) return this.codedBytes;
    const codec = codecByName(name);
    if (!codec.encode || codec.base === "last version" && !this.hasVersion) return Infinity;
    const bytes = codec.encode(this.context, this.address, this.pageBytes, this.out, this.pageBytes - 1, this.versionAt);
    this.coded = name;
    this.codedBytes = bytes < 0 ? Infinity : bytes;
    return this.codedBytes;
  }
  /** Where the bytes that `measure(name)` counted stand. */
  bytesOf(name) {
    const bytes = this.measure(name);
    const at = name === "similar" ? this.similarOut : this.out;
    return this.context.kernels.bytes.subarray(at, at + bytes);
  }
  /** Deltas against every candidate; the smallest stays. */
  search() {
    this.searched = true;
    if (!this.index) return;
    const { run } = this.context.kernels;
    const count = this.index.findSimilar(this.address);
    let capacity = this.pageBytes - 1;
    for (let i = 0; i < count; i++) {
      const { image, page } = this.index.candidates[i];
      const base = this.earlier.find(image, page);
      if (base === 0) continue;
      const bytes = run.xbzrleEncode(base, this.address, this.pageBytes, this.out, capacity);
      this.coded = void 0;
      if (bytes <= 0) continue;
      [this.out, this.similarOut] = [this.similarOut, this.out];
      this.similarBytes = bytes;
      this.similarTo.image = image;
      this.similarTo.page = page;
      if (bytes <= this.pageBytes * GOOD_ENOUGH) return;
      capacity = bytes - 1;
    }
  }
};

// src/engine/frame.ts
var SEGMENT_KINDS = ["stored", "group", "coded", "lz4", "zstd"];
var MAX_TABLE_BYTES2 = 1 << 20;
var Frame = class {
  constructor(makeBuffer) {
    this.makeBuffer = makeBuffer;
  }
  makeBuffer;
  table = new TableWriter();
  buffers = /* @__PURE__ */ new Map();
  /** Kinds in use, in the order of their wire numbers from 1 on. */
  used = [];
  /** Bytes and pages by kind and codec name, before packing. */
  usage = /* @__PURE__ */ new Map();
  image = 0;
  firstPage = 0;
  pageCount = 0;
  /** Bytes in all segments. */
  bytes = 0;
  start(image, firstPage, parent) {
    this.image = image;
    this.firstPage = firstPage;
    this.pageCount = 0;
    this.bytes = 0;
    this.used = [];
    this.usage.clear();
    this.table.start(firstPage, parent);
    for (const buffer of this.buffers.values()) {
      buffer.used = 0;
      buffer.pages = 0;
    }
  }
  /** Counts pages that have no bytes in a segment. */
  count(codec, pages = 1) {
    this.pageCount += pages;
    this.usageOf("none")[codec.name].pages += pages;
  }
  /** The wire number of a kind of segment. */
  segmentNumber(kind) {
    const known = this.used.indexOf(kind);
    if (known >= 0) return known + 1;
    if (!this.buffers.has(kind)) this.buffers.set(kind, this.makeBuffer());
    return this.used.push(kind);
  }
  /** Appends a page's bytes to a segment that has a number. */
  append(kind, codec, bytes) {
    const buffer = this.buffers.get(kind);
    buffer.bytes.set(bytes, buffer.used);
    buffer.used += bytes.length;
    buffer.pages++;
    this.pageCount++;
    this.bytes += bytes.length;
    const usage = this.usageOf(kind)[codec.name];
    usage.pages++;
    usage.bytes += bytes.length;
  }
  /** Packs the frame; its buffers are in use until the result was written. */
  async pack(context, ordinal, lastPageBytes) {
    const table = this.table.finish();
    const jobs = Promise.all(this.used.map((kind) => this.packSegment(kind, context)));
    jobs.catch(() => {
    });
    const tablePacked = packTable(table, context.packer);
    const segments = [tablePacked, ...await jobs];
    const heads = segments.map(({ packing, bytes, check }, i) => {
      const unpacked = i === 0 ? table.length : this.buffers.get(this.used[i - 1]).used;
      return { packing: codecByName(packing).wireId, bytes: unpacked, packedBytes: bytes.length, check };
    });
    const { image, firstPage, pageCount } = this;
    const head = new WireWriter();
    writeFrameHead(head, { image, firstPage, pageCount, lastPageBytes, segments: heads });
    const dataBytes = segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const record = recordBytes(context.packer, RECORD.PAGES, ordinal, head.bytes, dataBytes);
    const parts = [record, ...segments.map(({ bytes }) => bytes)];
    return { parts, bytes: record.length + dataBytes, counts: this.counts(segments.slice(1)) };
  }
  async packSegment(kind, { pool, strategy, state, pending, estimate }) {
    const buffer = this.buffers.get(kind);
    const group = groupOf(kind, buffer, estimate);
    const packing = kind === "group" || kind === "coded" ? strategy.pack(group, state) : packingOf(kind);
    const { expectedMs = 0, expectedBytes = 0 } = packing;
    pending(expectedMs, expectedBytes);
    const packed = await pool.pack(buffer, packing);
    pending(-expectedMs, packed.bytes.length - expectedBytes);
    strategy.packed?.({ packing, group, packedBytes: packed.bytes.length, ms: packed.ms });
    return packed;
  }
  counts(segments) {
    const counts = emptyCounts();
    addCounts(counts, this.usageOf("none"));
    segments.forEach(({ packing, bytes }, i) => {
      const kind = this.used[i];
      const share = bytes.length / this.buffers.get(kind).used;
      for (const [name, { pages, bytes: own }] of Object.entries(this.usageOf(kind))) {
        const counted = counts[name === "raw" ? packing : name];
        counted.pages += pages;
        counted.bytes += own * share;
      }
    });
    return counts;
  }
  usageOf(kind) {
    let usage = this.usage.get(kind);
    if (!usage) {
      usage = emptyCounts();
      this.usage.set(kind, usage);
    }
    return usage;
  }
};
function groupOf(kind, segment, estimate) {
  const { used: bytes, pages } = segment;
  let estimated;
  return {
    kind: kind === "coded" ? "coded" : "pages",
    bytes,
    pages,
    get estimatedBytes() {
      estimated ??= kind === "coded" ? bytes : bytes * estimate(segment);
      return estimated;
    }
  };
}
function packingOf(kind) {
  return { name: kind === "stored" ? "raw" : kind };
}
function packTable(table, packer) {
  const packed = packer.pack(table, { name: table.length >= 128 ? "zstd" : "raw", level: 3 });
  return { ...packed, bytes: packed.bytes.slice() };
}
function recordBytes(packer, type, ordinal, head, dataBytes = 0) {
  const check = packer.checkOfBytes(head, recordSeed(type, ordinal, head.length, dataBytes));
  const record = new WireWriter();
  writeRecordHead(record, { type, headBytes: head.length, dataBytes, check });
  record.put(head);
  return record.bytes;
}

// src/engine/frame-flow.ts
var LARGEST_GROUP_BYTES = 8 << 20;
var DEFAULT_GROUP_BYTES = 2 << 20;
var MOST_IN_FLIGHT_BYTES = 20 << 20;
var MOST_WAITING_BYTES = 6 << 20;
var FrameFlow = class {
  constructor(free, context, queue, pageBytes) {
    this.free = free;
    this.context = context;
    this.queue = queue;
    this.pageBytes = pageBytes;
  }
  free;
  context;
  queue;
  pageBytes;
  frame;
  firstPage = 0;
  image = 0;
  freed;
  inFlight = 0;
  inFlightBytes = 0;
  /** The frame that fills, or a new one for the next page of `encoder`. */
  async open(encoder) {
    if (this.frame) return this.frame;
    while (this.free.length === 0 || this.inFlight > 0 && this.isFarAhead())
      await new Promise((freed) => {
        this.freed = freed;
      });
    this.queue.check();
    this.frame = this.free.pop();
    this.image = encoder.number;
    this.firstPage = encoder.nextPage;
    this.frame.start(encoder.number, encoder.nextPage, encoder.expectedImage);
    return this.frame;
  }
  isFull = (frame) => frame.bytes >= this.groupBytes() || frame.table.length >= MAX_TABLE_BYTES2;
  /** Sends the frame that fills on its way, if there is one. */
  close(lastPageBytes) {
    const { frame } = this;
    if (!frame) return;
    this.frame = void 0;
    const { bytes } = frame;
    this.inFlight++;
    this.inFlightBytes += bytes;
    const pack = (ordinal) => frame.pack(this.context, ordinal, lastPageBytes);
    this.queue.frame(frame, this.image, this.firstPage, pack, () => {
      this.free.push(frame);
      this.inFlight--;
      this.inFlightBytes -= bytes;
      this.freed?.();
    });
  }
  isFarAhead() {
    if (this.inFlightBytes + this.groupBytes() > MOST_IN_FLIGHT_BYTES) return true;
    return this.context.state.bytesTaken !== void 0 && this.queue.waitingBytes > MOST_WAITING_BYTES;
  }
  groupBytes() {
    const { strategy, state } = this.context;
    return Math.min(Math.max(strategy.groupBytes?.(state) ?? DEFAULT_GROUP_BYTES, this.pageBytes), LARGEST_GROUP_BYTES);
  }
};

// src/engine/image-encoder.ts
var RAW = codecByName("raw");
var ZERO = codecByName("zero");
var FILL = codecByName("fill");
var SAME_AS = codecByName("same-as");
var UNCHANGED = codecByName("unchanged");
var SIMILAR = codecByName("similar");
var FILL_CLASS = 256;
var ImageEncoder = class {
  constructor(context, number, parent, own) {
    this.context = context;
    this.number = number;
    this.parent = parent;
    this.own = own;
    this.parentImage = parent === void 0 ? void 0 : context.earlier.image(parent);
  }
  context;
  number;
  parent;
  nextPage = 0;
  /** Pages that are the same as another of this image, and of another image. */
  duplicatesInside = 0;
  duplicatesBetween = 0;
  own;
  parentImage;
  /** What a frame's first reference is told against. */
  get expectedImage() {
    return this.parent ?? 0;
  }
  /** Looks at `count` whole pages at `address`: classes, digests, and where the same digest was seen, all in one go. */
  survey(address, count) {
    const { codec, pageBytes, classes, digests, digest } = this.context;
    const { run, bytes } = codec.kernels;
    run.scanPages(address, count, pageBytes, classes);
    run.hash128Pages(address, count, pageBytes, classes, digests);
    for (let i = 0; i < count; i++) {
      const fill2 = this.classOf(i);
      if (fill2 === FILL_CLASS) bytes.copyWithin(digests + 16 * i, digest.zeroPageDigest, digest.zeroPageDigest + 16);
      else if (fill2 !== 0) run.hash128(address + i * pageBytes, pageBytes, 0, 0, digests + 16 * i);
    }
    digest.add(digests, count);
    this.own.digests.append(digests, count);
    this.context.index?.addRun(digests, classes, count, this.number, this.nextPage);
  }
  /** Whether a surveyed page repeats one byte. */
  isFill(page) {
    return this.classOf(page) !== 0;
  }
  /**
   * Encodes surveyed pages from `first` on until all `count` are done or the frame is `full`; returns how many. `versions` is
   * where the same pages of the parent stand, 0 when they were not read.
   */
  encode(frame, address, versions, first, count, full) {
    const { pageBytes } = this.context;
    let i = first;
    for (; i < count; i++) {
      const fill2 = this.classOf(i);
      if (fill2 === FILL_CLASS) {
        frame.table.add(ZERO);
        frame.count(ZERO);
      } else if (fill2 !== 0) {
        frame.table.addFill(FILL, fill2 & 255);
        frame.count(FILL);
      } else this.encodePage(frame, address + i * pageBytes, versions === 0 ? 0 : versions + i * pageBytes, i);
      this.nextPage++;
      if (full(frame)) return i + 1 - first;
    }
    return i - first;
  }
  /** The image's last page, shorter than the others. */
  encodePartial(frame, address, bytes) {
    const { codec, digests, digest } = this.context;
    const { run } = codec.kernels;
    run.hash128(address, bytes, 0, 0, digests);
    digest.add(digests, 1);
    const fill2 = run.fillByte(address, bytes);
    if (fill2 === 0) {
      frame.table.add(ZERO);
      frame.count(ZERO);
    } else if (fill2 > 0) {
      frame.table.addFill(FILL, fill2);
      frame.count(FILL);
    } else this.append(frame, this.context.strategy.pack ? "group" : "stored", address, bytes);
    this.nextPage++;
  }
  /** Takes in pages of a base image: all can be referred to, none travels. */
  learn(address, count) {
    const { pageBytes, index, similar: similar2, versions } = this.context;
    if (count > 0) this.survey(address, count);
    for (let i = 0; i < count; i++) {
      if (this.classOf(i) === 0) {
        const page = address + i * pageBytes;
        if (similar2) index?.insertSketch(page, this.number, this.nextPage);
        if (!this.own.source) versions.keep(this.number, this.nextPage, page, pageBytes);
      }
      this.nextPage++;
    }
  }
  learnPartial(address, bytes) {
    const { codec, digests, digest } = this.context;
    codec.kernels.run.hash128(address, bytes, 0, 0, digests);
    digest.add(digests, 1);
  }
  encodePage(frame, address, version, i) {
    const { digests, index, earlier, versions, similar: similar2, candidate } = this.context;
    const digest = digests + 16 * i;
    const page = this.nextPage;
    const last = version !== 0 || this.parent === void 0 ? version : versions.find(this.parent, page);
    if (this.isUnchanged(page, digest, address, last)) {
      frame.table.add(UNCHANGED);
      frame.count(UNCHANGED);
      versions.extend(this.parent, this.number, page);
      return;
    }
    if (index?.wasSeen(i)) {
      const { image, page: other } = index.hit;
      if (earlier.confirm(image, other, address)) {
        frame.table.addReference(SAME_AS, image, other);
        frame.count(SAME_AS);
        if (image === this.number) this.duplicatesInside++;
        else this.duplicatesBetween++;
        if (!this.own.source) versions.keep(this.number, page, address, this.context.pageBytes);
        return;
      }
      index.insert(digest, this.number, page);
    }
    candidate.set(address, page, this.parent, this.parentImage?.digests.matches(page, digest) ? 0 : last);
    this.choose(frame, address);
    if (similar2) index?.insertSketch(address, this.number, page, candidate.sketched);
    if (!this.own.source) versions.keep(this.number, page, address, this.context.pageBytes);
  }
  /** Same digest, and same bytes wherever the last version is at hand. */
  isUnchanged(page, digest, address, last) {
    if (!this.parentImage?.digests.matches(page, digest)) return false;
    const { codec, pageBytes } = this.context;
    return last === 0 || codec.kernels.run.pagesEqual(address, last, pageBytes) === 1;
  }
  choose(frame, address) {
    const { strategy, state, candidate, pageBytes } = this.context;
    const choice = strategy.choose(candidate, state);
    const groupKind = strategy.pack ? "group" : "stored";
    if (choice === "group" || choice === "lz4" || choice === "zstd") {
      this.append(frame, choice === "group" ? groupKind : choice, address, pageBytes);
      return;
    }
    const bytes = choice === "raw" ? Infinity : candidate.measure(choice);
    if (bytes === Infinity || bytes === 0) {
      this.append(frame, "stored", address, pageBytes);
      return;
    }
    const codec = codecByName(choice);
    const codedKind = strategy.pack ? "coded" : "stored";
    const segment = frame.segmentNumber(codedKind);
    if (codec === SIMILAR) frame.table.addReference(codec, candidate.similarTo.image, candidate.similarTo.page, segment);
    else frame.table.add(codec, 1, segment);
    frame.table.addLength(bytes);
    frame.append(codedKind, codec, candidate.bytesOf(choice));
  }
  append(frame, kind, address, bytes) {
    frame.table.add(RAW, 1, frame.segmentNumber(kind));
    frame.append(kind, RAW, this.context.codec.kernels.bytes.subarray(address, address + bytes));
  }
  classOf(i) {
    const at = this.context.classes + 2 * i;
    const { bytes } = this.context.codec.kernels;
    return bytes[at] | bytes[at + 1] << 8;
  }
};

// src/engine/encoder.ts
var GROUP_SLACK = 1 << 17;
var Encoder = class {
  /** @internal Use {@link createEncoder}. */
  constructor(parts) {
    this.parts = parts;
    this.settings = parts.settings;
    this.context = parts.image;
    this.frameContext = parts.frame;
    this.queue = parts.queue;
    this.reader = parts.reader;
    this.flow = new FrameFlow(parts.frames, parts.frame, parts.queue, parts.settings.pageBytes);
    const header2 = new WireWriter();
    writeHeader(header2, {
      pageBytes: this.settings.pageBytes,
      maxFrameBytes: LARGEST_GROUP_BYTES + GROUP_SLACK + 2 * MAX_TABLE_BYTES2
    });
    header2.u32(this.frameContext.packer.checkOfBytes(header2.bytes)[0]);
    this.queue.raw(header2.bytes);
  }
  parts;
  image;
  ends = [];
  finished = [];
  lastImage;
  flow;
  settings;
  context;
  frameContext;
  queue;
  reader;
  /** Bytes that went out so far. */
  get bytesOut() {
    return this.queue.bytesOut;
  }
  /**
   * Takes in an image that both sides hold: nothing of it travels but its digest. The first carried image is compared with the
   * last base, page by page; all can refer to it. Its source must stay open until `finish`.
   */
  async base(source) {
    const { number, encoder } = this.begin(source.name, source, void 0);
    const { context } = this;
    let bytes = 0;
    await this.reader.read(source, async (address, length) => {
      const count = Math.floor(length / context.pageBytes);
      encoder.learn(address, count);
      if (length % context.pageBytes !== 0) encoder.learnPartial(address + count * context.pageBytes, length % context.pageBytes);
      bytes += length;
    });
    const digest = context.digest.finish(bytes);
    this.announce({ image: number, kind: "base", name: source.name, parent: void 0, bytes, digest });
    this.ends.push({ bytes, digest });
    this.lastImage = number;
  }
  /**
   * Encodes one image from its source's start to its end. `parent` is the earlier image that is the last version of this one:
   * default the one before.
   */
  async encode(source, options = {}) {
    const { context } = this;
    const { number, encoder, parent } = this.begin(source.name, source, options.parent ?? this.lastImage);
    this.announce({ image: number, kind: "carried", name: source.name, parent, bytes: source.bytes, digest: void 0 });
    this.image = { name: source.name, encoder, announced: source.bytes, bytes: 0 };
    const before = parent === void 0 ? void 0 : context.earlier.image(parent)?.source;
    await this.reader.read(source, (address, length) => this.take(address, length, before));
    await this.endImage();
  }
  /** Opens an image that is written page by page with {@link write} and closed with {@link endImage}. */
  openImage(name, options = {}) {
    const { number, encoder, parent } = this.begin(name, void 0, options.parent ?? this.lastImage);
    this.announce({ image: number, kind: "carried", name, parent, bytes: options.bytes, digest: void 0 });
    this.image = { name, encoder, announced: options.bytes, bytes: 0 };
  }
  /** Takes the open image's next pages: whole pages, only the last call may end with a shorter one. */
  async write(pages) {
    const image = this.image;
    if (!image) throw new PageferryError("bad-argument", "write: no image is open");
    if (image.bytes % this.context.pageBytes !== 0)
      throw new PageferryError(
        "bad-argument",
        `write: a page of ${image.bytes % this.context.pageBytes} bytes was the image's last`
      );
    for (let done = 0; done < pages.length; done += CHUNK_BYTES) {
      const chunk = pages.subarray(done, Math.min(done + CHUNK_BYTES, pages.length));
      await this.take(this.reader.copyIn(chunk), chunk.length);
    }
  }
  /** Sends what is waiting, down to the last page written: after it, a receiver can have them all. */
  async flush() {
    this.flow.close(this.lastPageBytes());
    await this.queue.drained();
  }
  /** Closes the open image. */
  async endImage() {
    const image = this.image;
    if (!image) throw new PageferryError("bad-argument", "endImage: no image is open");
    const { encoder, name, bytes, announced } = image;
    if (announced !== void 0 && bytes !== announced)
      throw new PageferryError("bad-argument", `endImage: "${name}" was announced with ${announced} bytes, got ${bytes}`);
    this.flow.close(this.lastPageBytes());
    const end = { bytes, digest: this.context.digest.finish(bytes) };
    const head = new WireWriter();
    writeImageEnd(head, encoder.number, end);
    this.queue.record(RECORD.IMAGE_END, head.bytes);
    this.ends.push(end);
    this.finished.push({ name, encoder });
    this.lastImage = encoder.number;
    this.image = void 0;
  }
  /** Ends the stream: digests, index. The encoder is used up. */
  async finish() {
    try {
      if (this.image) throw new PageferryError("bad-argument", `finish: image ${this.image.encoder.number} is still open`);
      const head = new WireWriter();
      writeEnd(head, this.ends);
      this.queue.record(RECORD.END, head.bytes);
      this.queue.writeIndex();
      await this.queue.drained();
      return this.summary();
    } finally {
      await this.close();
    }
  }
  /** Frees the workers of an encoder that will not be finished. */
  async close() {
    await this.frameContext.pool.close();
  }
  begin(name, source, parent) {
    const { context } = this;
    if (this.image) throw new PageferryError("bad-argument", `image ${this.image.encoder.number} is still open`);
    const number = context.earlier.count;
    if (parent !== void 0 && !(Number.isInteger(parent) && parent >= 0 && parent < number))
      throw new PageferryError("bad-argument", `${name}: parent ${parent}, expected an image before ${number}`);
    if (number === MAX_IMAGES) throw new PageferryError("bad-argument", `${name}: a stream has at most ${MAX_IMAGES} images`);
    nameBytes(name);
    context.digest.start();
    return { number, parent, encoder: new ImageEncoder(context, number, parent, context.earlier.add(source)) };
  }
  announce(record) {
    const head = new WireWriter();
    writeImage(head, record);
    this.queue.record(RECORD.IMAGE, head.bytes, record.image);
  }
  /** Encodes a chunk: whole pages, then perhaps a last, shorter one. `parent` is read for the pages that may resemble its own. */
  async take(address, length, parent) {
    const { encoder, announced, bytes } = this.image;
    const { pageBytes } = this.context;
    this.parts.progress.image = encoder.number;
    this.parts.progress.share = announced ? (bytes + length) / announced : 0;
    const count = Math.floor(length / pageBytes);
    const partial = length % pageBytes;
    if (count > 0) encoder.survey(address, count);
    const versions = parent ? this.reader.versions(parent, bytes, count, pageBytes, (page) => !encoder.isFill(page)) : 0;
    for (let done = 0; done < count; ) {
      const frame = await this.flow.open(encoder);
      done += encoder.encode(frame, address, versions, done, count, this.flow.isFull);
      if (this.flow.isFull(frame)) this.flow.close(pageBytes);
    }
    if (partial !== 0) encoder.encodePartial(await this.flow.open(encoder), address + count * pageBytes, partial);
    this.image.bytes += length;
  }
  /** Of the last page written so far. */
  lastPageBytes() {
    const { pageBytes } = this.context;
    return (this.image?.bytes ?? 0) % pageBytes || pageBytes;
  }
  summary() {
    const images = this.finished.map(({ name, encoder }, image) => {
      const { number, nextPage, duplicatesInside, duplicatesBetween } = encoder;
      const { bytesOut, codecs: codecs2 } = this.queue.counts(number);
      const { bytes, digest } = this.ends[number];
      return {
        image,
        name,
        bytesIn: bytes,
        pages: nextPage,
        bytesOut,
        digest,
        duplicatesInside,
        duplicatesBetween,
        codecs: usedCounts(codecs2)
      };
    });
    const codecs = emptyCounts();
    for (const { encoder } of this.finished) addCounts(codecs, this.queue.counts(encoder.number).codecs);
    return {
      bytesIn: images.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
      bytesOut: this.queue.bytesOut,
      pages: images.reduce((sum, { pages }) => sum + pages, 0),
      encodeMs: this.settings.clock() - this.parts.startedAt,
      codecs: usedCounts(codecs),
      images,
      notes: this.parts.notes
    };
  }
};

// src/engine/link-meter.ts
var START_BITS_PER_SECOND = 1e9;
var LEAST2 = 1e4;
var MOST2 = 1e11;
var WAITED_MS = 1;
var IDLE_SHARE = 1;
var MEMORY_MS = 300;
var FASTER = 4;
var WINDOW_MS = 200;
var LinkMeter = class {
  bits = START_BITS_PER_SECOND;
  samples = [];
  waitedUntil;
  bytesSinceWait = 0;
  windowFrom;
  windowBytes = 0;
  get bitsPerSecond() {
    return this.bits;
  }
  /** A write of `bytes` bytes was taken: when it began and ended, in ms. */
  taken(bytes, beganMs, endedMs) {
    this.bytesSinceWait += bytes;
    if (endedMs - beganMs < WAITED_MS) this.unwaited(bytes, endedMs);
    else this.waited(bytes, beganMs, endedMs);
  }
  waited(bytes, beganMs, endedMs) {
    const idleMs = this.waitedUntil === void 0 ? Infinity : beganMs - this.waitedUntil;
    const isContinuous = idleMs <= IDLE_SHARE * (endedMs - beganMs);
    this.samples = this.samples.filter(({ atMs }) => endedMs - atMs <= MEMORY_MS);
    if (isContinuous) this.samples.push({ atMs: endedMs, bits: this.bytesSinceWait * 8e3 / (endedMs - this.waitedUntil) });
    const best = Math.max(...this.samples.map(({ bits }) => bits));
    this.bits = within3(this.samples.length > 0 ? best : bytes * 8e3 / (endedMs - beganMs));
    this.waitedUntil = endedMs;
    this.bytesSinceWait = 0;
    this.windowFrom = void 0;
  }
  unwaited(bytes, now) {
    if (this.windowFrom === void 0) {
      this.windowFrom = now;
      this.windowBytes = 0;
      return;
    }
    this.windowBytes += bytes;
    const ms = now - this.windowFrom;
    if (ms < WINDOW_MS) return;
    this.bits = within3(Math.max(this.bits, FASTER * this.windowBytes * 8e3 / ms));
    this.windowFrom = now;
    this.windowBytes = 0;
  }
};
function within3(bitsPerSecond) {
  return Math.min(MOST2, Math.max(LEAST2, bitsPerSecond));
}

// src/engine/output.ts
var INDEX_ENTRIES = 1e4;
var OutputQueue = class {
  constructor(output, packer, taken, clock) {
    this.output = output;
    this.packer = packer;
    this.taken = taken;
    this.clock = clock;
  }
  output;
  packer;
  taken;
  clock;
  tail = Promise.resolve();
  failure;
  ordinal = 0;
  offset = 0;
  index = [];
  images = [];
  waiting = 0;
  /** Bytes written so far. */
  get bytesOut() {
    return this.offset;
  }
  /** Bytes of frames that are packed and wait for the output. */
  get waitingBytes() {
    return this.waiting;
  }
  counts(image) {
    this.images[image] ??= { bytesOut: 0, codecs: emptyCounts() };
    return this.images[image];
  }
  /** Queues bytes that are no record. */
  raw(bytes) {
    this.enqueue(() => this.write([bytes]));
  }
  /** Queues a record without data. `image`: its place goes into the index, as an image's. */
  record(type, head, image) {
    const ordinal = this.ordinal++;
    const record = recordBytes(this.packer, type, ordinal, head);
    this.enqueue(() => {
      if (image !== void 0) this.index.push({ image, firstPage: 0, pageCount: 0, offset: this.offset, ordinal });
      return this.write([record]);
    });
  }
  /** Queues a frame. `pack` starts at once and is given the record's number; `done` is called when it was written or failed. */
  frame(frame, image, firstPage, pack, done) {
    const ordinal = this.ordinal++;
    const { pageCount } = frame;
    const packed = pack(ordinal);
    packed.then(
      ({ bytes }) => {
        this.waiting += bytes;
      },
      () => {
      }
    );
    this.enqueue(async () => {
      const { parts, bytes, counts } = await packed;
      this.index.push({ image, firstPage, pageCount, offset: this.offset, ordinal });
      const of = this.counts(image);
      of.bytesOut += bytes;
      addCounts(of.codecs, counts);
      await this.write(parts);
      this.waiting -= bytes;
    }, done);
  }
  /** Queues the index and the trailer that ends a file. */
  writeIndex() {
    this.enqueue(async () => {
      const start = this.offset;
      for (let first = 0; first < this.index.length; first += INDEX_ENTRIES) {
        const head = new WireWriter();
        for (const entry of this.index.slice(first, first + INDEX_ENTRIES)) writeIndexEntry(head, entry);
        await this.write([recordBytes(this.packer, RECORD.INDEX, this.ordinal++, head.bytes)]);
      }
      const trailer = new WireWriter();
      writeTrailer(trailer, start);
      await this.write([recordBytes(this.packer, RECORD.TRAILER, this.ordinal++, trailer.bytes)]);
    });
  }
  /** Waits for all that was queued. @throws whatever packing or the output failed with */
  async drained() {
    await this.tail;
    if (this.failure !== void 0) throw this.failure;
  }
  /** @throws what writing failed with, so that no more work is done for nothing */
  check() {
    if (this.failure !== void 0) throw this.failure;
  }
  enqueue(job, done) {
    this.tail = this.tail.then(async () => {
      try {
        if (this.failure === void 0) await job();
      } catch (error) {
        this.failure = error ?? new Error("output failed");
      }
      done?.();
    });
  }
  async write(parts) {
    const beganMs = this.clock();
    await this.output(parts);
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.offset += bytes;
    this.taken?.(bytes, beganMs, this.clock());
  }
};

// src/engine/segment.ts
function createSegment(kernels, capacity) {
  const packed = packedLz4Capacity(capacity);
  const address = kernels.reserve(capacity, "segment");
  const output = kernels.reserve(packed, "packed segment");
  return {
    bytes: kernels.bytes.subarray(address, address + capacity),
    address,
    output: kernels.bytes.subarray(output, output + packed),
    used: 0,
    pages: 0
  };
}
function sharedRoom(segment) {
  segment.shared ??= {
    input: new SharedArrayBuffer(segment.bytes.length),
    output: new SharedArrayBuffer(segment.output.length)
  };
  return segment.shared;
}
var SAMPLED = 16;
function createEstimate({ run, words, reserve }, pageBytes) {
  const profile = reserve(run.PROFILE_BYTES.value, "profile");
  const field = profile + run.PROFILE_ESTIMATED_BYTES.value >>> 2;
  return ({ address, used }) => {
    let estimated = 0;
    let looked = 0;
    for (let at = 0; at + pageBytes <= used; at += SAMPLED * pageBytes) {
      run.profilePage(address + at, 0, pageBytes, profile);
      estimated += words[field];
      looked += pageBytes;
    }
    return looked === 0 ? 1 : estimated / looked;
  };
}

// src/engine/worker.generated.ts
var WORKER_SOURCE = '"use strict";var ye=Object.create;var N=Object.defineProperty;var pe=Object.getOwnPropertyDescriptor;var Ae=Object.getOwnPropertyNames;var be=Object.getPrototypeOf,he=Object.prototype.hasOwnProperty;var _e=(e,t,n,r)=>{if(t&&typeof t=="object"||typeof t=="function")for(let s of Ae(t))!he.call(e,s)&&s!==n&&N(e,s,{get:()=>t[s],enumerable:!(r=pe(t,s))||r.enumerable});return e};var ge=(e,t,n)=>(n=e!=null?ye(be(e)):{},_e(t||!e||!e.__esModule?N(n,"default",{value:e,enumerable:!0}):n,e));var F=require("node:worker_threads");function M(e){return{kernels:e,lz4Scratch:e.reserve(e.run.LZ4_SCRATCH_BYTES.value,"lz4 scratch"),wkdmScratch:e.reserve(e.run.WKDM_SCRATCH_BYTES.value,"wkdm scratch")}}function R(e){return globalThis.process?.getBuiltinModule?.(e)}var I=class extends Error{constructor(n,r,s){super(r,s);this.code=n}code;name="PageferryError"};function O(e,t){let n=we(e);if(n!==t)throw new I("bad-stream",`zstd frame: expected a content of ${t} bytes, it declares ${n??"none"}`);return e}function we(e){if(e.length<6||e[0]!==40||e[1]!==181||e[2]!==47||e[3]!==253)return;let t=e[4],n=(t&32)!==0;if((t&11)!==0)return;let r=t>>6,s=r===0?n?1:0:1<<r,o=n?5:6;if(s===0||o+s>e.length)return;let a=0;for(let i=s-1;i>=0;i--)a=a*256+e[o+i];return s===2?a+256:a}function x(e){let t=e,{zstdCompressSync:n,zstdDecompressSync:r,constants:s}=t;if(!n||!r)return;let o=new C(t);return{name:"node:zlib",compress:(a,i)=>n(a,{params:{[s.ZSTD_c_compressionLevel]:i},chunkSize:W(a.length)}),compressAsync:(a,i)=>o.compress(a,i),decompress:(a,i)=>r(O(a,i),{maxOutputLength:Math.max(1,i),chunkSize:Math.max(64,i)})}}function W(e){return e+(e>>>8)+1024}var Ee=16<<20,Re=3,C=class{constructor(t){this.zlib=t}zlib;idle=[];compress(t,n){let r=this.take(n,W(t.length)),{stream:s,chunks:o}=r;return new Promise((a,i)=>{s.once("error",i),s.write(t,f=>{if(f)return i(f);s.off("error",i);let l=o.length===1?o[0]:Buffer.concat(o);o.length=0,r.room-=l.length,this.idle.push(r),a(l)})})}take(t,n){let r=this.idle.findIndex(o=>o.level===t&&o.room>=n);if(r>=0)return this.idle.splice(r,1)[0];let s=o=>o.level!==t&&o.level<=Re;for(let o of this.idle.splice(0))s(o)?this.idle.push(o):o.stream.destroy();return this.start(t,Math.max(Ee,n))}start(t,n){let{ZSTD_c_compressionLevel:r,ZSTD_e_end:s}=this.zlib.constants,o={[r]:t},a=this.zlib.createZstdCompress({params:o,chunkSize:n,flush:s}),i=[];return a.on("data",f=>i.push(f)),{level:t,stream:a,chunks:i,room:n}}};var Ie={},j="@bokuweb/zstd-wasm";function Se(){try{return R("node:module")?.createRequire(Ie.url).resolve(j)}catch{return}}var V;function G(e){return V??=Te(e),V}async function Te(e){let t=await Ue(e);if(t)return await Fe(t),{name:j,compress:(n,r)=>t.compress(n,r),decompress:(n,r)=>t.decompress(O(n,r))}}var P=Symbol.for("pageferry: zstd packages that are ready");async function Fe(e){let t=globalThis;t[P]??=new WeakMap;let n=t[P].get(e);n||(n=ke(e)?Promise.resolve():e.init(),t[P].set(e,n)),await n}function ke(e){try{return e.compress(new Uint8Array(1),1).length>0}catch{return!1}}async function Ue(e){try{let t=R("node:module"),n=e??Se();return t?n?t.createRequire(n)(n):void 0:await import("@bokuweb/zstd-wasm")}catch{return}}async function $(e){let t=R("node:zlib");return(t&&x(t))??await G(e)}var Oe="Operation requires compiling with --exportTable",Be="Operation requires compiling with --exportRuntime",S=()=>{throw Error(Be)},ze=typeof BigUint64Array<"u",T=Symbol(),Ce=192,K=1024,Pe=new TextDecoder("utf-16le",{fatal:!0});Object.hasOwn=Object.hasOwn||function(e,t){return Object.prototype.hasOwnProperty.call(e,t)};function H(e,t){let n=new Uint32Array(e)[t+-4>>>2]>>>1,r=new Uint16Array(e,t,n);if(n<=Ce)return String.fromCharCode(...r);try{return Pe.decode(r)}catch{let s="",o=0;for(;n-o>K;)s+=String.fromCharCode(...r.subarray(o,o+=K));return s+String.fromCharCode(...r.subarray(o))}}function Le(e){let t={};function n(s,o){return s?H(s.buffer,o):"<yet unknown>"}let r=e.env=e.env||{};return r.abort=r.abort||function(o,a,i,f){let l=t.memory||r.memory;throw Error(`abort: ${n(l,o)} at ${n(l,a)}:${i}:${f}`)},r.trace=r.trace||function(o,a,...i){let f=t.memory||r.memory;console.log(`trace: ${n(f,o)}${a?" ":""}${i.slice(0,a).join(", ")}`)},r.seed=r.seed||Date.now,e.Math=e.Math||Math,e.Date=e.Date||Date,t}function Ze(e,t){let n=t.exports,r=n.memory,s=n.table,o=n.__new||S,a=n.__pin||S,i=n.__unpin||S,f=n.__collect||S,l=n.__rtti_base,b=l?c=>c[l>>>2]:S;e.__new=o,e.__pin=a,e.__unpin=i,e.__collect=f;function y(c){let u=new Uint32Array(r.buffer);if((c>>>=0)>=b(u))throw Error(`invalid id: ${c}`);return u[(l+4>>>2)+c]}function p(c){let u=y(c);if(!(u&7))throw Error(`not an array: ${c}, flags=${u}`);return u}function k(c){return 31-Math.clz32(c>>>6&31)}function ae(c){if(c==null)return 0;let u=c.length,d=o(u<<1,2),m=new Uint16Array(r.buffer);for(let A=0,h=d>>>1;A<u;++A)m[h+A]=c.charCodeAt(A);return d}e.__newString=ae;function ie(c){if(c==null)return 0;let u=new Uint8Array(c),d=o(u.length,1);return new Uint8Array(r.buffer).set(u,d),d}e.__newArrayBuffer=ie;function ce(c){if(!c)return null;let u=r.buffer;if(new Uint32Array(u)[c+-8>>>2]!==2)throw Error(`not a string: ${c}`);return H(u,c)}e.__getString=ce;function Z(c,u,d){let m=r.buffer;if(d)switch(c){case 2:return new Float32Array(m);case 3:return new Float64Array(m)}else switch(c){case 0:return new(u?Int8Array:Uint8Array)(m);case 1:return new(u?Int16Array:Uint16Array)(m);case 2:return new(u?Int32Array:Uint32Array)(m);case 3:return new(u?BigInt64Array:BigUint64Array)(m)}throw Error(`unsupported align: ${c}`)}function ue(c,u=0){let d=u,m=p(c),A=k(m),h=typeof d!="number",w=h?d.length:d,E=o(w<<A,m&4?c:1),z;if(m&4)z=E;else{a(E);let _=o(m&2?16:12,c);i(E);let g=new Uint32Array(r.buffer);g[_+0>>>2]=E,g[_+4>>>2]=E,g[_+8>>>2]=w<<A,m&2&&(g[_+12>>>2]=w),z=_}if(h){let _=Z(A,m&2048,m&4096),g=E>>>A;if(m&16384)for(let U=0;U<w;++U)_[g+U]=d[U];else _.set(d,g)}return z}e.__newArray=ue;function v(c){let u=new Uint32Array(r.buffer),d=u[c+-8>>>2],m=p(d),A=k(m),h=m&4?c:u[c+4>>>2],w=m&2?u[c+12>>>2]:u[h+-4>>>2]>>>A;return Z(A,m&2048,m&4096).subarray(h>>>=A,h+w)}e.__getArrayView=v;function le(c){let u=v(c),d=u.length,m=new Array(d);for(let A=0;A<d;A++)m[A]=u[A];return m}e.__getArray=le;function fe(c){let u=r.buffer,d=new Uint32Array(u)[c+-4>>>2];return u.slice(c,c+d)}e.__getArrayBuffer=fe;function me(c){if(!s)throw Error(Oe);let u=new Uint32Array(r.buffer)[c>>>2];return s.get(u)}e.__getFunction=me;function de(c,u,d){return new c(D(c,u,d))}function D(c,u,d){let m=r.buffer,A=new Uint32Array(m);return new c(m,A[d+4>>>2],A[d+8>>>2]>>>u)}function Y(c,u,d){e[`__get${u}`]=de.bind(null,c,d),e[`__get${u}View`]=D.bind(null,c,d)}return[Int8Array,Uint8Array,Uint8ClampedArray,Int16Array,Uint16Array,Int32Array,Uint32Array,Float32Array,Float64Array].forEach(c=>{Y(c,c.name,31-Math.clz32(c.BYTES_PER_ELEMENT))}),ze&&[BigUint64Array,BigInt64Array].forEach(c=>{Y(c,c.name.slice(3),3)}),e.memory=e.memory||r,e.table=e.table||s,De(n,e)}function ve(e){return e instanceof WebAssembly.Module}function q(e,t={}){let n=ve(e)?e:new WebAssembly.Module(e),r=Le(t),s=new WebAssembly.Instance(n,t),o=Ze(r,s);return{module:n,instance:s,exports:o}}function De(e,t={}){let n=e.__argumentsLength?r=>{e.__argumentsLength.value=r}:e.__setArgumentsLength||e.__setargc||(()=>{});for(let r of Object.keys(e)){let s=e[r],o=r.split("."),a=t;for(;o.length>1;){let l=o.shift();Object.hasOwn(a,l)||(a[l]={}),a=a[l]}let i=o[0],f=i.indexOf("#");if(f>=0){let l=i.substring(0,f),b=a[l];if(typeof b>"u"||!b.prototype){let y=function(...p){return y.wrap(y.prototype.constructor(0,...p))};y.prototype={valueOf(){return this[T]}},y.wrap=function(p){return Object.create(y.prototype,{[T]:{value:p,writable:!1}})},b&&Object.getOwnPropertyNames(b).forEach(p=>Object.defineProperty(y,p,Object.getOwnPropertyDescriptor(b,p))),a[l]=y}if(i=i.substring(f+1),a=a[l].prototype,/^(get|set):/.test(i)){if(!Object.hasOwn(a,i=i.substring(4))){let y=e[r.replace("set:","get:")],p=e[r.replace("get:","set:")];Object.defineProperty(a,i,{get(){return y(this[T])},set(k){p(this[T],k)},enumerable:!0})}}else i==="constructor"?(a[i]=function(...y){return n(y.length),s(...y)}).original=s:(a[i]=function(...y){return n(y.length),s(this[T],...y)}).original=s}else/^(get|set):/.test(i)?Object.hasOwn(a,i=i.substring(4))||Object.defineProperty(a,i,{get:e[r.replace("set:","get:")],set:e[r.replace("get:","set:")],enumerable:!0}):typeof s=="function"&&s!==n?(a[i]=(...l)=>(n(l.length),s(...l))).original=s:a[i]=s}return t}var X=65536,J=4*1024**3,Q;function Ne(){return Q??=typeof Buffer=="function"?Promise.resolve(new WebAssembly.Module(te(""))):WebAssembly.compile(te("")),Q}async function ne(e,t){let n=Math.ceil(e/X);if(!(n>=1&&n*X<=J))throw new RangeError(`kernel memory: expected 1 \\u2026 ${J} bytes, got ${e}`);let r=new WebAssembly.Memory({initial:n,maximum:n}),{instance:s}=q(t??await Ne(),{env:{memory:r}}),o=s.exports,a=new Uint8Array(r.buffer),i=o.SLOT_SLACK.value,f=ee(o.heapBase());return{run:o,bytes:a,words:new Uint32Array(r.buffer),memoryBytes:a.length,reserve(l,b){let y=f,p=ee(y+l+i);if(p>a.length)throw new RangeError(`${b}: needs ${l} bytes, kernel memory has ${a.length-y} left`);return f=p,y}}}function ee(e){return Math.ceil(e/64)*64}function te(e){if(typeof Buffer=="function")return new Uint8Array(Buffer.from(e,"base64"));let t=atob(e),n=new Uint8Array(t.length);for(let r=0;r<t.length;r++)n[r]=t.charCodeAt(r);return n}var L=65536,Me=2147483648;function re(e){return e+4*Math.ceil(e/L)}function oe({kernels:e,lz4Scratch:t},n,r,s){let o=s;for(let a=0;a<r;a+=L){let i=Math.min(L,r-a),f=n+a,l=e.run.lz4Encode(f,i,o+4,i-1,t),b=l;l<0&&(e.bytes.copyWithin(o+4,f,f+i),l=i,b=(Me|i)>>>0),xe(e.bytes,o,b),o+=4+l}return o-s}function xe(e,t,n){e[t]=n,e[t+1]=n>>>8,e[t+2]=n>>>16,e[t+3]=n>>>24}var We=3,B=class{constructor(t,n,r){this.context=t;this.zstd=n;this.capacity=r;let{kernels:s}=t;this.input=s.reserve(r,"segment"),this.output=s.reserve(re(r),"packed segment"),this.check=s.reserve(16,"check")}context;zstd;capacity;input;output;check;pack(t,n,r){let s=performance.now(),{bytes:o}=this.context.kernels,a=n.name==="zstd"&&!this.zstd?"lz4":n.name,i=0,f=r??0;if(a!=="zstd"&&r===void 0&&(o.set(t,this.input),f=this.input),a==="lz4"&&(i=oe(this.context,f,t.length,this.output)),a==="zstd"&&this.zstd){let b=this.zstd.compress(t,n.level??We);i=b.length,i<t.length&&o.set(b,this.output)}i===0||i>=t.length?(a==="zstd"&&r===void 0&&(o.set(t,this.input),f=this.input),a="raw",i=t.length):f=this.output;let l=a==="raw"?t:o.subarray(f,f+i);return{packing:a,bytes:l,check:this.checkOf(f,i),ms:performance.now()-s}}checkOf(t,n,r=[0,0]){let{run:s,words:o}=this.context.kernels;return s.hash64(t,n,r[0],r[1],this.check),[o[this.check>>>2],o[(this.check>>>2)+1]]}checkOfBytes(t,n){if(t.length>this.capacity)throw new RangeError(`check: ${t.length} bytes, at most ${this.capacity}`);return this.context.kernels.bytes.set(t,this.input),this.checkOf(this.input,t.length,n)}};function se(e){return 2*e+Math.ceil(e/16384)+(1<<18)}async function Ve(){let{module:e,segmentBytes:t,zstd:n,zstdPath:r}=F.workerData,s=await ne(se(t),e),o=new B(M(s),n?await $(r):void 0,t);F.parentPort.on("message",({id:a,input:i,output:f,bytes:l,packing:b})=>{let y;try{let p=o.pack(new Uint8Array(i,0,l),b);p.packing!=="raw"&&new Uint8Array(f).set(p.bytes),y={id:a,packing:p.packing,packedBytes:p.bytes.length,check:p.check,ms:p.ms}}catch(p){y={id:a,error:p instanceof Error?p.message:String(p)}}F.parentPort.postMessage(y)})}Ve();\n';

// src/engine/workers.ts
async function startWorkers(threads, segmentBytes, zstd2) {
  const node = nodeModule("node:worker_threads");
  if (!node) throw new PageferryError("unsupported", `threads: ${threads}: worker threads need Node, use 1`);
  const setup = { module: await kernelModule(), segmentBytes, zstd: zstd2, zstdPath: zstd2 ? zstdPackagePath() : void 0 };
  const waiting = /* @__PURE__ */ new Map();
  let nextId = 0;
  let failure;
  let closing = false;
  const fail = (error) => {
    failure ??= error;
    for (const { failed } of waiting.values()) failed(error);
    waiting.clear();
  };
  const pool = Array.from({ length: threads }, () => {
    const worker = new node.Worker(WORKER_SOURCE, { eval: true, workerData: setup });
    const state = { worker, queued: 0 };
    worker.on("message", (reply) => {
      state.queued--;
      const job = waiting.get(reply.id);
      waiting.delete(reply.id);
      if ("error" in reply) job?.failed(new PageferryError("io", `packing worker: ${reply.error}`));
      else job?.done(packedOf(reply, job.segment));
    });
    worker.on("error", fail);
    worker.on("exit", (code) => {
      if (!closing) fail(new PageferryError("io", `packing worker: ended with code ${code}`));
    });
    return state;
  });
  return {
    pack(segment, packing) {
      if (failure) return Promise.reject(failure);
      const id = nextId++;
      const idlest = pool.reduce((a, b) => b.queued < a.queued ? b : a);
      idlest.queued++;
      const { input, output } = sharedRoom(segment);
      new Uint8Array(input).set(segment.bytes.subarray(0, segment.used));
      const request = { id, input, output, bytes: segment.used, packing };
      return new Promise((done, failed) => {
        waiting.set(id, { segment, done, failed });
        idlest.worker.postMessage(request);
      });
    },
    async close() {
      closing = true;
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    }
  };
}
function packedOf(reply, segment) {
  const { packing, packedBytes, check, ms } = reply;
  const output = new Uint8Array(sharedRoom(segment).output);
  return {
    packing,
    bytes: packing === "raw" ? segment.bytes.subarray(0, segment.used) : output.subarray(0, packedBytes),
    check,
    ms
  };
}

// src/engine/pack-pool.ts
function localPool(packer) {
  return {
    pack(segment, packing) {
      const packed = packer.pack(segment.bytes.subarray(0, segment.used), packing, segment.address);
      if (packed.packing === "raw") return packed;
      segment.output.set(packed.bytes);
      return { ...packed, bytes: segment.output.subarray(0, packed.bytes.length) };
    },
    prepare() {
    },
    handoverMs: () => 0,
    close: async () => {
    }
  };
}
var HANDOVER_MS = 0.1;
var START_MS = 60;
function threadPool(threads, segmentBytes, zstd2, ownZstd, packer) {
  const local = localPool(packer);
  const gate = new Gate(threads + 1);
  let workers;
  let readyAt = Infinity;
  const start = () => {
    if (!workers) {
      readyAt = performance.now() + START_MS;
      workers = startWorkers(threads, segmentBytes, zstd2 !== void 0 && !ownZstd);
    }
    return workers;
  };
  return {
    async pack(segment, packing) {
      if (packing.name === "raw") return local.pack(segment, packing);
      if (packing.name === "zstd" && zstd2?.compressAsync) return await gate.pass(() => packAside(zstd2, segment, packing, packer));
      if (packing.name === "zstd" && ownZstd) return local.pack(segment, packing);
      const started = await start();
      return await gate.pass(() => started.pack(segment, packing));
    },
    prepare() {
      if (!zstd2?.compressAsync && !ownZstd) start().catch(() => {
      });
    },
    handoverMs(name) {
      if (name === "raw") return 0;
      if (name === "zstd" && zstd2?.compressAsync) return HANDOVER_MS;
      return workers ? Math.max(HANDOVER_MS, readyAt - performance.now()) : START_MS;
    },
    async close() {
      await (await workers?.catch(() => void 0))?.close();
    }
  };
}
async function packAside(zstd2, segment, packing, packer) {
  const started = performance.now();
  const bytes = segment.bytes.subarray(0, segment.used);
  const frame = await zstd2.compressAsync(bytes, packing.level ?? 3);
  const ms = performance.now() - started;
  if (frame.length >= bytes.length) return { ...packer.pack(bytes, { name: "raw" }, segment.address), ms };
  return { packing: "zstd", bytes: frame, check: packer.checkOfBytes(frame), ms };
}
var Gate = class {
  constructor(free) {
    this.free = free;
  }
  free;
  waiting = [];
  async pass(work) {
    if (this.free === 0) await new Promise((go) => this.waiting.push(go));
    else this.free--;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
};

// src/engine/packing.ts
var DEFAULT_ZSTD_LEVEL = 3;
var SegmentPacker = class {
  constructor(context, zstd2, capacity) {
    this.context = context;
    this.zstd = zstd2;
    this.capacity = capacity;
    const { kernels } = context;
    this.input = kernels.reserve(capacity, "segment");
    this.output = kernels.reserve(packedLz4Capacity(capacity), "packed segment");
    this.check = kernels.reserve(16, "check");
  }
  context;
  zstd;
  capacity;
  input;
  output;
  check;
  /**
   * Packs `segment`, which may stand anywhere; the result is good until the next call. `at` is where it stands in the kernels'
   * memory, if it does.
   */
  pack(segment, packing, at) {
    const started = performance.now();
    const { bytes: memory } = this.context.kernels;
    let name = packing.name === "zstd" && !this.zstd ? "lz4" : packing.name;
    let length = 0;
    let address = at ?? 0;
    if (name !== "zstd" && at === void 0) {
      memory.set(segment, this.input);
      address = this.input;
    }
    if (name === "lz4") length = packLz4(this.context, address, segment.length, this.output);
    if (name === "zstd" && this.zstd) {
      const frame = this.zstd.compress(segment, packing.level ?? DEFAULT_ZSTD_LEVEL);
      length = frame.length;
      if (length < segment.length) memory.set(frame, this.output);
    }
    if (length === 0 || length >= segment.length) {
      if (name === "zstd" && at === void 0) {
        memory.set(segment, this.input);
        address = this.input;
      }
      name = "raw";
      length = segment.length;
    } else address = this.output;
    const bytes = name === "raw" ? segment : memory.subarray(address, address + length);
    return { packing: name, bytes, check: this.checkOf(address, length), ms: performance.now() - started };
  }
  /** XXH3-64 of bytes in the kernels' memory. */
  checkOf(address, length, seed = [0, 0]) {
    const { run, words } = this.context.kernels;
    run.hash64(address, length, seed[0], seed[1], this.check);
    return [words[this.check >>> 2], words[(this.check >>> 2) + 1]];
  }
  /** XXH3-64 of bytes that stand anywhere, up to the capacity. */
  checkOfBytes(bytes, seed) {
    if (bytes.length > this.capacity) throw new RangeError(`check: ${bytes.length} bytes, at most ${this.capacity}`);
    this.context.kernels.bytes.set(bytes, this.input);
    return this.checkOf(this.input, bytes.length, seed);
  }
};
function packerBytes(capacity) {
  return 2 * capacity + Math.ceil(capacity / 16384) + (1 << 18);
}

// src/engine/create-encoder.ts
var SEGMENT_CAPACITY = LARGEST_GROUP_BYTES + GROUP_SLACK;
var LOCAL_FRAMES = 2;
var THREAD_FRAMES = 14;
var SPARE_FRAMES = 2;
var SKETCHES_A_PAGE = 4;
async function createEncoder(output, options = {}) {
  const settings = encoderSettings(options);
  const startedAt = settings.clock();
  const { threads, strategy } = settings;
  const zstd2 = options.zstd === null ? void 0 : options.zstd ?? await loadZstd();
  const kernels = await kernelsWithin(memoryBytes(settings), "deltaBudgetBytes and indexPages");
  const codec = createCodecContext(kernels);
  const packer = new SegmentPacker(codec, zstd2, SEGMENT_CAPACITY);
  const pool = threads > 1 ? threadPool(threads, SEGMENT_CAPACITY, zstd2, options.zstd != null, packer) : localPool(packer);
  const meter = settings.linkBitsPerSecond === "measured" ? new LinkMeter() : void 0;
  const taken = meter && ((bytes, began, ended) => meter.taken(bytes, began, ended));
  const queue = new OutputQueue(output, packer, taken, settings.clock);
  const planned = { ms: 0, bytes: 0 };
  const progress = { image: 0, share: 0 };
  const state = {
    get linkBitsPerSecond() {
      return meter ? meter.bitsPerSecond : settings.linkBitsPerSecond;
    },
    get bytesTaken() {
      return meter ? queue.bytesOut : void 0;
    },
    threads,
    elapsedMs: () => settings.clock() - startedAt,
    get bytesOut() {
      return planned.bytes;
    },
    get pendingMs() {
      return planned.ms;
    },
    handoverMs: pool.handoverMs,
    zstd: zstd2 !== void 0,
    progress
  };
  if (strategy.packs?.(state.linkBitsPerSecond)) pool.prepare();
  const pending = (ms, bytes) => {
    planned.ms += ms;
    planned.bytes += bytes;
  };
  const estimate = createEstimate(kernels, settings.pageBytes);
  const frameContext = { pool, packer, strategy, state, pending, estimate };
  const makeBuffer = () => createSegment(kernels, SEGMENT_CAPACITY);
  const frames = Array.from({ length: frameCount(threads) }, () => new Frame(makeBuffer));
  const notes = zstd2 ? [] : ["zstd is not available here: LZ4 packs in its place"];
  if (zstd2 && threads > 1 && options.zstd && !zstd2.compressAsync)
    notes.push(`${zstd2.name} has no compressAsync: it packs on the calling thread`);
  return new Encoder({
    settings,
    image: imageContext(codec, settings, state),
    frame: frameContext,
    queue,
    reader: new ChunkReader(kernels),
    frames,
    progress,
    startedAt,
    notes
  });
}
function imageContext(codec, settings, state) {
  const { kernels } = codec;
  const { pageBytes, indexSlots, dedup, similar: similar2, strategy } = settings;
  const pages = CHUNK_BYTES / pageBytes;
  const index = dedup ? new PageIndex(kernels, pageBytes, indexSlots, SKETCHES_A_PAGE * indexSlots, pages) : void 0;
  const versions = new VersionStore(kernels, pageBytes, settings.deltaBudgetBytes);
  const earlier = new EarlierImages(kernels, pageBytes, versions);
  return {
    codec,
    pageBytes,
    strategy,
    state,
    earlier,
    versions,
    index,
    similar: similar2,
    candidate: new Candidate(codec, pageBytes, earlier, similar2 ? index : void 0),
    digest: new ImageDigest(kernels, pageBytes),
    classes: kernels.reserve(2 * pages, "page classes"),
    digests: kernels.reserve(16 * pages, "page digests")
  };
}
function frameCount(threads) {
  return threads > 1 ? Math.max(THREAD_FRAMES, threads) + SPARE_FRAMES : LOCAL_FRAMES;
}
function memoryBytes({ deltaBudgetBytes, indexSlots, threads, pageBytes }) {
  const segment = SEGMENT_CAPACITY + packedLz4Capacity(SEGMENT_CAPACITY) + 256;
  const buffers = frameCount(threads) * SEGMENT_KINDS.length * segment;
  const tables = indexSlots * (16 + 12 * SKETCHES_A_PAGE);
  const scratch = packerBytes(SEGMENT_CAPACITY) + ChunkReader.memoryBytes + 64 * pageBytes + (1 << 20);
  return deltaBudgetBytes + buffers + tables + scratch;
}

// src/tradeoff/measure.ts
var PIECE_BYTES = 8 << 20;
async function measureWay(name, sources, options) {
  const { clock, cpuClock: cpuClock2 } = options;
  const kept = new Kept(clock, cpuClock2);
  const startedMs = clock();
  const startedCpuMs = cpuClock2();
  const encoder = await createEncoder((parts) => kept.take(parts), {
    strategy: options.strategy,
    linkBitsPerSecond: options.linkBitsPerSecond,
    threads: options.threads,
    pageBytes: options.pageBytes,
    deltaBudgetBytes: 0,
    indexPages: indexPages(sources, options.pageBytes),
    similar: sources.length > 1,
    clock
  });
  let summary;
  try {
    for (const source of sources) await encoder.encode(rewound(source));
    summary = await encoder.finish();
  } finally {
    await encoder.close();
  }
  const encodeMs = clock() - startedMs - kept.ms;
  const cpuMs = cpuClock2() - startedCpuMs - kept.cpuMs;
  const decodeMs = await decode(kept.pieces, sources, summary, options);
  const { pages, bytesIn, bytesOut } = summary;
  return { measure: { name, pages, bytesIn, bytesOut, encodeMs, decodeMs, cpuMs, frames: kept.writes }, summary };
}
function indexPages(sources, pageBytes) {
  const pages = sources.reduce((sum, { bytes = 0 }) => sum + bytes / pageBytes, 0);
  return Math.min(Math.max(pages, 1024), 2 ** 22);
}
async function decode(pieces, sources, summary, { clock, observe }) {
  const startedMs = clock();
  const decoder = await createDecoder((_, image) => echo(sources[image]), { ...observe && { observe } });
  for (const piece2 of pieces) decoder.push(piece2);
  const { images } = await decoder.finish();
  const decodeMs = clock() - startedMs;
  images.forEach(({ digest, name }, i) => {
    const sent = summary.images[i].digest;
    if (!digest.every((byte, at) => byte === sent[at])) throw new PageferryError("bad-stream", `${name}: arrived with other bytes`);
  });
  return decodeMs;
}
function rewound(source) {
  let position = 0;
  const { name, bytes } = source;
  const readAt = (into, at) => source.readAt(into, at);
  return {
    name,
    ...bytes !== void 0 && { bytes },
    readAt,
    read(into) {
      const got = readAt(into, position);
      position += got;
      return got;
    }
  };
}
function echo(source) {
  return { write() {
  }, zero() {
  }, readAt: (into, position) => source.readAt(into, position), finish() {
  }, abort() {
  } };
}
var Kept = class {
  constructor(clock, cpuClock2) {
    this.clock = clock;
    this.cpuClock = cpuClock2;
  }
  clock;
  cpuClock;
  pieces = [];
  writes = 0;
  /** What keeping took. */
  ms = 0;
  cpuMs = 0;
  piece = new Uint8Array(0);
  used = 0;
  take(parts) {
    const began = this.clock();
    const beganCpu = this.cpuClock();
    this.writes++;
    for (const part of parts) this.append(part);
    this.ms += this.clock() - began;
    this.cpuMs += this.cpuClock() - beganCpu;
  }
  append(part) {
    for (let done = 0; done < part.length; ) {
      if (this.used === this.piece.length) {
        this.piece = new Uint8Array(PIECE_BYTES);
        this.used = 0;
        this.pieces.push(this.piece);
      }
      const take = Math.min(part.length - done, this.piece.length - this.used);
      this.piece.set(part.subarray(done, done + take), this.used);
      this.used += take;
      done += take;
      this.pieces[this.pieces.length - 1] = this.piece.subarray(0, this.used);
    }
  }
};

// src/tradeoff/model.ts
function sendMs(bytes, { bitsPerSecond }) {
  return bytes * 8e3 / bitsPerSecond;
}
function pipelinedTime(measure, link, budget = {}) {
  const share = budget.share ?? 1;
  const stages = {
    encode: measure.encodeMs / share,
    link: sendMs(measure.bytesOut, link),
    decode: measure.decodeMs / share
  };
  const [bottleneck, slowestMs] = Object.entries(stages).reduce(
    (a, b) => b[1] > a[1] ? b : a
  );
  const sumMs = stages.encode + stages.link + stages.decode;
  const fillMs = (sumMs - slowestMs) / Math.max(1, measure.frames);
  return {
    totalMs: slowestMs + fillMs + (link.roundTripMs ?? 0) / 2,
    encodeMs: stages.encode,
    sendMs: stages.link,
    decodeMs: stages.decode,
    bottleneck
  };
}
function breakEvenBitsPerSecond(measure, raw2) {
  if (measure.bytesOut >= raw2.bytesOut) return 0;
  const stageMs = Math.max(measure.encodeMs, measure.decodeMs);
  const rawStageMs = Math.max(raw2.encodeMs, raw2.decodeMs);
  if (stageMs <= rawStageMs) return Infinity;
  return raw2.bytesOut * 8e3 / stageMs;
}
function perPage({ pages, cpuMs, bytesOut }) {
  return { cpuUs: pages === 0 ? 0 : 1e3 * cpuMs / pages, bytes: pages === 0 ? 0 : bytesOut / pages };
}
function paretoFront(measures) {
  const byCost = [...measures].sort((a, b) => a.cpuMs - b.cpuMs || a.bytesOut - b.bytesOut);
  const front = [];
  for (const measure of byCost) {
    const last = front.at(-1);
    if (!last || measure.bytesOut < last.bytesOut) front.push(measure);
  }
  return front;
}
function marginalSteps(front) {
  return front.slice(1).map((measure, i) => {
    const before = perPage(front[i]);
    const after = perPage(measure);
    const cpuUs = after.cpuUs - before.cpuUs;
    const bytesSaved = before.bytes - after.bytes;
    return {
      from: front[i].name,
      to: measure.name,
      cpuUs,
      bytesSaved,
      bytesSavedPerUs: cpuUs > 0 ? bytesSaved / cpuUs : Infinity,
      paysBelowBitsPerSecond: cpuUs > 0 ? bytesSaved * 8e6 / cpuUs : Infinity
    };
  });
}

// src/tradeoff/page-map.ts
var MOST_CELLS = 4096;
var CLASS_OF = {
  zero: "zero",
  fill: "fill",
  unchanged: "unchanged",
  "same-as": "duplicate",
  xbzrle: "delta",
  similar: "delta",
  rle: "coded",
  "zero-aware": "coded",
  wkdm: "coded"
};
var PageMapper = class {
  image = -1;
  /** What each page travelled as: an index into `ways`. */
  pages = [];
  ways = [];
  observe = (image, firstPage, count, codec, packing) => {
    if (image !== this.image) {
      this.image = image;
      this.pages = [];
    }
    const way = this.wayOf(codec, packing);
    for (let page = firstPage; page < firstPage + count; page++) this.pages[page] = way;
  };
  map(image) {
    const { pages, ways } = this;
    const cellPages = Math.max(1, Math.ceil(pages.length / MOST_CELLS));
    const cells = Array.from({ length: Math.ceil(pages.length / cellPages) }, (_, cell) => {
      const votes = new Array(ways.length).fill(0);
      for (const way of pages.slice(cell * cellPages, (cell + 1) * cellPages)) votes[way]++;
      return ways[votes.indexOf(Math.max(...votes))];
    });
    const counts = {};
    for (const way of pages) counts[ways[way].codec] = (counts[ways[way].codec] ?? 0) + 1;
    return { image, pages: pages.length, cellPages, cells, counts };
  }
  /** A page as it is travels in a segment: what packed that is its codec then. */
  wayOf(codec, packing) {
    const name = codec === "raw" ? packing ?? "raw" : codec;
    const found = this.ways.findIndex((way) => way.codec === name);
    if (found >= 0) return found;
    const asItIs = name === "raw" ? "raw" : "packed";
    return this.ways.push({ class: CLASS_OF[name] ?? asItIs, codec: name }) - 1;
  }
};

// src/tradeoff/tradeoff.ts
var FIXED_WAYS = [
  "fixed:raw",
  "fixed:zero-aware",
  "fixed:wkdm",
  "fixed:lz4",
  "fixed:zstd:1",
  "fixed:zstd:3",
  "fixed:zstd:9",
  "characteristic",
  "mecom"
];
var ADAPTIVE = "adaptive";
async function measureTradeoff(workloads, options) {
  const reports = [];
  for (const workload of workloads) {
    try {
      reports.push(await measureWorkload(workload.name, await workload.open(), options));
    } finally {
      workload.close?.();
    }
  }
  return { made: options.made, links: options.links, workloads: reports };
}
async function measureWorkload(name, sources, options) {
  const { links, threads, cpuClock: cpuClock2, pageBytes = 4096, clock = () => performance.now() } = options;
  const names = options.made.zstd ? FIXED_WAYS : FIXED_WAYS.filter((way) => !way.startsWith("fixed:zstd"));
  const measure = (way, linkBitsPerSecond, observe) => {
    options.progress?.(`${name}: ${way}`);
    return measureWay(way, sources, {
      strategy: way,
      linkBitsPerSecond,
      threads,
      pageBytes,
      clock,
      cpuClock: cpuClock2,
      ...observe && { observe }
    });
  };
  await measure("fixed:lz4", 1e9);
  const fixed2 = [];
  for (const way of names) fixed2.push(await measure(way, 1e9));
  const mapper = new PageMapper();
  const adaptive2 = [];
  for (const [i, link] of links.entries()) adaptive2.push(await measure(ADAPTIVE, link, i === 0 ? mapper.observe : void 0));
  const front = paretoFront(fixed2.map((one) => one.measure));
  const ways = [
    ...fixed2.map((one) => fixedWay(one.measure, fixed2[0].measure, front, links)),
    {
      name: ADAPTIVE,
      adaptive: true,
      onFront: false,
      breakEvenBitsPerSecond: void 0,
      atLinks: adaptive2.map((one, i) => atLink(one.measure, links[i]))
    }
  ];
  const { pages, bytesIn } = fixed2[0].measure;
  const rounds = sources.map(
    (source, i) => ({
      name: source.name,
      bytesIn: fixed2[0].summary.images[i].bytesIn,
      bytesOut: [...fixed2, adaptive2[0]].map(({ summary }) => summary.images[i].bytesOut)
    })
  );
  const advice = links.map((_, i) => adviceAt(i, links, ways, bytesIn));
  return {
    name,
    pageBytes,
    pages,
    bytesIn,
    ways,
    steps: marginalSteps(front),
    advice,
    map: mapper.map(sources.at(-1).name),
    rounds
  };
}
function atLink(measure, bitsPerSecond) {
  const link = { bitsPerSecond };
  return { measure, time: pipelinedTime(measure, link) };
}
function fixedWay(measure, raw2, front, links) {
  return {
    name: measure.name,
    adaptive: false,
    onFront: front.includes(measure),
    breakEvenBitsPerSecond: measure === raw2 ? void 0 : breakEvenBitsPerSecond(measure, raw2),
    atLinks: links.map((link) => atLink(measure, link))
  };
}
function adviceAt(i, links, ways, bytesIn) {
  const linkBitsPerSecond = links[i];
  const totalMs = (way) => way.atLinks[i].time.totalMs;
  const best = Math.min(...ways.map(totalMs));
  const [use] = ways.filter((way) => totalMs(way) <= 1.02 * best).sort((a, b) => a.atLinks[i].measure.cpuMs - b.atLinks[i].measure.cpuMs);
  const { measure, time } = use.atLinks[i];
  return {
    linkBitsPerSecond,
    use: use.name,
    totalMs: time.totalMs,
    rawMs: sendMs(bytesIn, { bitsPerSecond: linkBitsPerSecond }),
    bytesOut: measure.bytesOut,
    cpuMs: measure.cpuMs,
    text: `${use.name} arrives after ${time.totalMs.toFixed(0)} ms, limited by the ${time.bottleneck === "link" ? "link" : time.bottleneck === "encode" ? "encoder" : "decoder"}.`
  };
}

// try.ts
var files = process.argv.slice(2);
var cpuClock = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};
var report = await measureTradeoff(files.map((f) => ({ name: f, open: () => f.split(",").map((x) => openImage(x)) })), { links: [1e8, 1e9, 1e10, 4e10], threads: 2, cpuClock, made: { zstd: "x" }, progress: (t) => process.stderr.write(t + "\n") });
for (const w of report.workloads) {
  console.log(w.name, w.pages, w.bytesIn);
  for (const way of w.ways) console.log(way.name.padEnd(18), way.onFront ? "*" : " ", (way.breakEvenBitsPerSecond ?? NaN) / 1e9, way.atLinks.map(({ measure: m, time: t }) => `${t.totalMs.toFixed(0)}ms(e${m.encodeMs.toFixed(0)} d${m.decodeMs.toFixed(0)} c${m.cpuMs.toFixed(0)} ${(m.bytesOut / 1e6).toFixed(1)}MB)`).join(" | "));
  for (const a of w.advice) console.log(a.linkBitsPerSecond, a.text);
  console.log(w.map.counts, w.map.cells.length, w.steps.map((s) => `${s.from}->${s.to} ${s.bytesSavedPerUs.toFixed(0)}B/us`).join(" "));
}
