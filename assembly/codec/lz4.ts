// LZ4 block format (lz4_Block_format.md, LZ4 1.9.4): one page or chunk of 1 … 65536 bytes a block, no frame
// around it.
//
//   block    = sequence* last
//   sequence = token literalLength* literal* offset matchLength*
//   last     = token literalLength* literal*
//   token    = u8                      high half: literals, low half: match bytes - 4 (0 in the last)
//   literalLength, matchLength = u8    only where their four bits are 15: added; after 255 one more follows
//   offset   = u16, little-endian      1 … 65535 bytes back from the match; it may overlap itself
//
// The end of a block: its last five bytes are literals, and no match starts in its last twelve bytes.

export { lz4Decode } from "./lz4/decode";
export { lz4Encode } from "./lz4/encode";
