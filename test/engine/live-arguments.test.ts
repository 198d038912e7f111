// Arguments, options and guest memories that `pageferry/live` refuses.
import { expect, test } from 'vitest';
import type { BasePages } from '../../src/dedup/remote-page-cache.js';
import { createPageReceiver } from '../../src/engine/live/create-page-receiver.js';
import { createPageSender } from '../../src/engine/live/create-page-sender.js';
import type { GuestMemory, PageReceiverOptions } from '../../src/engine/live/page-receiver.js';
import { liveSender, ReceivedMemory } from '../support/live.js';

const PAGE = 4096;

/** The code and message that a call throws. */
function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
  return 'not refused';
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

test('push and bypassed take only a Uint8Array; the receiver works on after another value', async () => {
  const memory = new ReceivedMemory();
  const receiver = await createPageReceiver({ open: memory.open });
  const sender = await liveSender();
  const header = sender.begin('guest', 1);
  const refused: [value: unknown, got: string][] = [
    [header.slice().buffer, 'object'],
    [new DataView(header.slice().buffer), 'object'],
    [detached(), 'detached'],
    [7, 'number'],
    [undefined, 'undefined'],
  ];
  for (const [value, got] of refused) {
    const bytes = value as Uint8Array;
    expect(refusal(() => receiver.push(bytes))).toBe(`bad-argument: push: expected a Uint8Array, got ${got}`);
    expect(refusal(() => receiver.bypassed([0], [0], bytes))).toBe(
      `bad-argument: bypassed: expected a Uint8Array, got ${got}`,
    );
  }
  receiver.push(header);
  receiver.bypassed([0], [9], new Uint8Array(0));
  expect(memory.bytes.every((byte) => byte === 9)).toBe(true);
  receiver.close();
  await sender.close();
});

test('a signal that is aborted before the creation of a sender rejects with its reason', async () => {
  const reason = new Error('cancelled');
  await expect(createPageSender({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test.each([
  [{ signal: {} }, 'signal: expected an AbortSignal, got an object'],
  [{ signal: null }, 'signal: expected an AbortSignal, got null'],
  [{ signal: true }, 'signal: expected an AbortSignal, got true'],
])('createPageSender refuses %o', async (options, message) => {
  await expect(createPageSender(options as object)).rejects.toMatchObject({ code: 'bad-argument', message });
});

const read = () => {};
test.each([
  [5, 'base: expected an object with pages and a function read, got 5'],
  [null, 'base: expected an object with pages and a function read, got null'],
  [{ pages: 1 }, 'base: expected an object with pages and a function read, got an object with pages'],
  [{ pages: 1e15, read }, 'base.pages: expected 0 … 4294967295, got 1000000000000000'],
  [{ pages: -5, read }, 'base.pages: expected 0 … 4294967295, got -5'],
  [{ pages: NaN, read }, 'base.pages: expected a whole number, got NaN'],
])('a sender and a receiver refuse the base %o', async (value, message) => {
  const base = value as BasePages;
  await expect(createPageSender({ base })).rejects.toMatchObject({ code: 'bad-argument', message });
  const receiver = createPageReceiver({ base, open: new ReceivedMemory().open });
  await expect(receiver).rejects.toMatchObject({ code: 'bad-argument', message });
});

test('a base whose read returns a promise is refused', async () => {
  const base = { pages: 1, read: async () => Promise.reject(new Error('read later')) };
  await expect(createPageSender({ base } as object)).rejects.toMatchObject({
    code: 'bad-argument',
    message: 'base.read returned a promise, it has to be synchronous',
  });
});

test('begin, batch and bypass check their arguments; the sender works on', async () => {
  const sender = await liveSender();
  const begin = (name: unknown, pages: unknown) =>
    refusal(() => sender.begin(name as string, pages as number));
  const max = Math.floor(Number.MAX_SAFE_INTEGER / PAGE);
  expect(begin(5, 1)).toBe('bad-argument: begin: name: expected a string, got 5');
  expect(begin('guest', -1)).toBe(`bad-argument: begin: pages: expected 1 … ${max}, got -1`);
  expect(begin('guest', 0)).toBe(`bad-argument: begin: pages: expected 1 … ${max}, got 0`);
  expect(begin('guest', 2 ** 53)).toBe(`bad-argument: begin: pages: expected 1 … ${max}, got ${2 ** 53}`);
  expect(begin('guest', NaN)).toBe('bad-argument: begin: pages: expected a whole number, got NaN');
  expect(begin('guest', 'x')).toBe('bad-argument: begin: pages: expected a whole number, got x');
  sender.begin('guest', 2);
  const refused: [value: unknown, got: string][] = [
    [5, '5'],
    [null, 'null'],
    [undefined, 'undefined'],
    [new Set([1]), 'an object'],
    [{ length: NaN }, 'an object with length'],
  ];
  for (const [value, got] of refused) {
    const pages = value as number[];
    const message = `expected an array of page numbers, got ${got}`;
    expect(refusal(() => sender.bypass(pages))).toBe(`bad-argument: bypass: ${message}`);
    await expect(sender.batch(pages)).rejects.toMatchObject({
      code: 'bad-argument',
      message: `batch: ${message}`,
    });
  }
  expect(sender.bypass([0])).toHaveLength(1);
  await sender.close();
});

test('a receiver needs a function open', async () => {
  for (const options of [{}, { open: undefined }])
    await expect(createPageReceiver(options as unknown as PageReceiverOptions)).rejects.toMatchObject({
      code: 'bad-argument',
      message: 'createPageReceiver: open: expected a function, got undefined',
    });
});

const whole: GuestMemory = { write() {}, zero() {}, read() {} };
const without = (method: string) => () => ({ ...whole, [method]: undefined });
test.each<[open: () => unknown, message: string]>([
  [async () => whole, 'open returned a promise without a method "write"'],
  [async () => Promise.reject(new Error('opened later')), 'open returned a promise without a method "write"'],
  [() => undefined, 'open returned undefined without a method "write"'],
  [without('write'), 'open returned an object with write, zero, read without a method "write"'],
  [without('zero'), 'open returned an object with write, zero, read without a method "zero"'],
  [without('read'), 'open returned an object with write, zero, read without a method "read"'],
  [() => ({ ...whole, unchanged: 5 }), 'unchanged is 5, expected a function or undefined'],
])('a guest memory is refused when it is opened: %o, %s', async (open, message) => {
  const receiver = await createPageReceiver({ open: open as () => GuestMemory });
  const sender = await liveSender();
  const header = sender.begin('guest', 1);
  const expected = `bad-argument: guest "guest": ${message}`;
  expect(refusal(() => receiver.push(header))).toBe(expected);
  expect(refusal(() => receiver.push(header))).toBe(expected);
  await sender.close();
});

test.each(['write', 'zero', 'read', 'unchanged'])(
  'a guest memory with an async %s is refused',
  async (method) => {
    const memory = { ...whole, [method]: async () => Promise.reject(new Error('disk full')) };
    const receiver = await createPageReceiver({ open: () => memory });
    const sender = await liveSender();
    receiver.push(sender.begin('guest', 2));
    const send = async (fill: number) => {
      sender.buffer.fill(fill, 0, PAGE);
      const { parts, release } = await (await sender.batch([0])).packed;
      try {
        for (const part of parts) receiver.push(part);
      } finally {
        release();
      }
    };
    const refused = async () => {
      await send(7);
      await send(7);
      await send(0);
      receiver.markPresent(1);
    };
    await expect(refused()).rejects.toMatchObject({
      code: 'bad-argument',
      message: `guest "guest": ${method} returned a promise, it has to be synchronous`,
    });
    await sender.close();
  },
);
