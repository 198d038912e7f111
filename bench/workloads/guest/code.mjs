// Machine code of x86-64: frequent and rare instructions, few registers, short jumps, calls to few functions,
// padding between functions, and, as in compiled code, repeated sequences of instructions.

/**
 * `[frequency, opcode bytes, operands]`; m: register pair, 8: short offset, r: near target, i: small number.
 */
const INSTRUCTIONS = [
  [22, [0x48, 0x89], 'm'],
  [16, [0x48, 0x8b], 'm8'],
  [9, [0x89], 'm'],
  [9, [0xe8], 'r'],
  [8, [0x48, 0x83, 0xec], '8'],
  [8, [0x74], '8'],
  [7, [0x75], '8'],
  [7, [0x48, 0x85], 'm'],
  [6, [0x8b], 'm8'],
  [6, [0x48, 0x8d, 0x35], 'r'],
  [5, [0x31], 'm'],
  [5, [0x0f, 0x84], 'r'],
  [5, [0xb8], 'i'],
  [4, [0x83], 'm8'],
  [4, [0xeb], '8'],
  [4, [0x41, 0x5c], ''],
  [4, [0x55], ''],
  [3, [0xf3, 0x0f, 0x6f], 'm8'],
  [3, [0x0f, 0xb6], 'm8'],
  [2, [0xc3], 'p'],
];
const REGISTERS = [0xc0, 0xc7, 0xd8, 0xe5, 0xef, 0xf6, 0x43, 0x45, 0x47, 0x44, 0x7d, 0x5d];
const PADDING = [0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x0f, 0x1f, 0x44, 0, 0];
const FUNCTIONS = 400;
/** Sequences that compilers emit repeatedly, and their share of the code. */
const IDIOMS = 1500;
const IDIOM_SHARE = 0.65;

export function codeWriter(random) {
  const below = (limit) => random() % limit;
  const skewed = (limit) => Math.floor(limit * (random() / 2 ** 32) ** 2);
  const byFrequency = INSTRUCTIONS.flatMap((instruction) => Array(instruction[0]).fill(instruction));
  const functions = Array.from({ length: FUNCTIONS }, () => below(1 << 21) & ~15);
  const operands = {
    m: () => [REGISTERS[skewed(REGISTERS.length)]],
    8: () => [below(4) ? 8 * skewed(16) : below(256)],
    r: (at) => littleEndian(functions[skewed(FUNCTIONS)] - at),
    i: () => littleEndian(skewed(300)),
    p: (at) => PADDING.slice(0, 15 - ((at + 15) % 16)),
  };
  const instruction = (at) => {
    const [, opcode, rest] = byFrequency[below(byFrequency.length)];
    return [...opcode, ...[...rest].flatMap((operand) => operands[operand](at))];
  };
  const idioms = Array.from({ length: IDIOMS }, () =>
    Array.from({ length: 2 + below(5) }, () => instruction(below(1 << 20))).flat(),
  );
  return (bytes) => {
    const base = below(1 << 20) & ~4095;
    // Writes past the end of a typed array are ignored.
    for (let at = 0; at < bytes.length; ) {
      const isIdiom = random() < IDIOM_SHARE * 2 ** 32;
      for (const byte of isIdiom ? idioms[skewed(IDIOMS)] : instruction(base + at)) bytes[at++] = byte;
    }
  };
}

function littleEndian(value) {
  return [value, value >>> 8, value >>> 16, value >>> 24].map((byte) => byte & 255);
}
