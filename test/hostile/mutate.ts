// Seeded changes to bytes: what accidents, other programs and attackers do to them. Nothing here knows a
// format.
import { seeded } from '../support/kernels.js';

/**
 * A seeded choice maker; every input of a run has its own, so that any one of them can be had again alone.
 */
export interface Dice {
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number;
  pick<T>(list: readonly T[]): T;
  /** True once in `times`. */
  oneIn(times: number): boolean;
  word(): number;
}

/** The dice of input `number` of a kind of input, in the run with this seed. */
export function diceOf(seed: number, kind: string, number: number): Dice {
  let mixed = seed >>> 0;
  for (const code of [...kind].map((letter) => letter.charCodeAt(0)))
    mixed = Math.imul(mixed ^ code, 0x9e3779b1) >>> 0;
  mixed = Math.imul(mixed ^ number, 0x85ebca6b) >>> 0;
  const word = seeded(mixed ^ (mixed >>> 15));
  const below = (limit: number) => Math.floor((word() / 2 ** 32) * limit);
  return { word, below, pick: (list) => list[below(list.length)]!, oneIn: (times) => below(times) === 0 };
}

const BYTES = [0, 1, 2, 3, 15, 16, 63, 64, 126, 127, 128, 129, 130, 240, 254, 255];
const WORDS = [
  0,
  1,
  2,
  127,
  128,
  255,
  256,
  4095,
  4096,
  65535,
  65536,
  1 << 20,
  0x7fffffff,
  0x80000000,
  0xfffffffe,
  0xffffffff,
];

type Change = (bytes: Uint8Array, dice: Dice, other: Uint8Array) => Uint8Array;

const flipBit: Change = (bytes, dice) => {
  const at = dice.below(bytes.length);
  bytes[at] = bytes[at]! ^ (1 << dice.below(8));
  return bytes;
};

const setByte: Change = (bytes, dice) => {
  bytes[dice.below(bytes.length)] = dice.oneIn(4) ? dice.word() : dice.pick(BYTES);
  return bytes;
};

/** Sets a few bytes in a row, as a damaged sector or cache line would. */
const smear: Change = (bytes, dice) => {
  const at = dice.below(bytes.length);
  const noise = dice.oneIn(2);
  const byte = dice.pick(BYTES);
  for (let i = at; i < Math.min(bytes.length, at + 1 + dice.below(32)); i++)
    bytes[i] = noise ? dice.word() : byte;
  return bytes;
};

const truncate: Change = (bytes, dice) => {
  const most = dice.oneIn(2) ? Math.min(bytes.length, 8) : bytes.length;
  return bytes.subarray(0, bytes.length - 1 - dice.below(most));
};

const extend: Change = (bytes, dice) => {
  const more = new Uint8Array(1 + dice.below(dice.oneIn(8) ? 600 : 12));
  const byte = dice.pick(BYTES);
  for (let i = 0; i < more.length; i++) more[i] = dice.oneIn(2) ? byte : dice.word();
  return joined(bytes, more);
};

/** The start of one and the end of another. */
const splice: Change = (bytes, dice, other) =>
  joined(bytes.subarray(0, dice.below(bytes.length + 1)), other.subarray(dice.below(other.length + 1)));

const duplicate: Change = (bytes, dice) => {
  const from = dice.below(bytes.length);
  const block = bytes.slice(from, from + 1 + dice.below(dice.oneIn(4) ? bytes.length : 16));
  const at = dice.below(bytes.length + 1);
  return joined(bytes.subarray(0, at), block, bytes.subarray(at));
};

const remove: Change = (bytes, dice) => {
  const from = dice.below(bytes.length);
  return joined(
    bytes.subarray(0, from),
    bytes.subarray(from + 1 + dice.below(dice.oneIn(4) ? bytes.length : 8)),
  );
};

const move: Change = (bytes, dice) => {
  const from = dice.below(bytes.length);
  const to = Math.min(bytes.length, from + 1 + dice.below(dice.oneIn(4) ? bytes.length : 16));
  const rest = joined(bytes.subarray(0, from), bytes.subarray(to));
  const at = dice.below(rest.length + 1);
  return joined(rest.subarray(0, at), bytes.subarray(from, to), rest.subarray(at));
};

/** Takes four bytes for a little-endian length and changes it: to an edge, by a little, or by a bit. */
const editWord: Change = (bytes, dice) => {
  if (bytes.length < 4) return setByte(bytes, dice, bytes);
  const at = dice.oneIn(2) ? 4 * dice.below(bytes.length >>> 2) : dice.below(bytes.length - 3);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const old = view.getUint32(at, true);
  const near = [
    old + 1,
    old - 1,
    old + dice.below(64),
    old - dice.below(64),
    old * 2,
    old ^ (1 << dice.below(32)),
  ];
  view.setUint32(
    at,
    dice.oneIn(2) ? dice.pick(near) : dice.pick([...WORDS, bytes.length, bytes.length - at, dice.word()]),
    true,
  );
  return bytes;
};

const CHANGES = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setByte,
  smear,
  truncate,
  extend,
  splice,
  duplicate,
  remove,
  move,
  editWord,
];

/**
 * A changed copy of `bytes`: one change, sometimes up to four. `other` is what splices take their second half
 * from.
 */
export function mutate(bytes: Uint8Array, dice: Dice, other: Uint8Array): Uint8Array {
  let changed: Uint8Array = bytes.slice();
  for (let left = dice.oneIn(3) ? 1 + dice.below(4) : 1; left > 0; left--)
    changed = changed.length === 0 ? extend(changed, dice, other) : dice.pick(CHANGES)(changed, dice, other);
  return changed;
}

/** Bytes of no format: noise, few different bytes, or only the interesting ones. */
export function noise(bytes: number, dice: Dice): Uint8Array {
  const kind = dice.below(3);
  const few = [dice.word() & 255, dice.pick(BYTES), dice.pick(BYTES)];
  return Uint8Array.from({ length: bytes }, () =>
    kind === 0 ? dice.word() : kind === 1 ? dice.pick(few) : dice.pick(BYTES),
  );
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
