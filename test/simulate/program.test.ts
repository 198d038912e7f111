import { expect, test } from 'vitest';
import { type ProgramOptions, programGuest } from '../../src/simulate/guest/program.js';
import { wasmProgramGuest } from '../../src/simulate/guest/wasm-program.js';
import { simulate } from '../../src/simulate/simulate.js';
import { PAGE, pageOf, scribbler } from './guests.js';

const LINK = { bitsPerSecond: 1e9, rttMs: 1 };

/** A program with eight pages whose steps write their number at the start of two pages. */
function stepper(options: Partial<ProgramOptions> = {}) {
  const made: { bytes: Uint8Array; steps: number; closed: boolean }[] = [];
  const spec = programGuest({
    name: 'stepper',
    stepMs: 10,
    open() {
      const program = { bytes: new Uint8Array(8 * PAGE), steps: 0, closed: false };
      made.push(program);
      return {
        memory: () => program.bytes,
        step() {
          program.steps++;
          for (const page of [program.steps % 8, 7]) program.bytes[page * PAGE] = program.steps;
        },
        close() {
          program.closed = true;
        },
      };
    },
    ...options,
  });
  return { spec, made };
}

test('a step runs when guest time enters it; its pages are written during it', async () => {
  const { spec, made } = stepper();
  const guest = await spec.open(1);
  const program = made[0]!;
  expect([guest.pages, program.steps]).toEqual([8, 0]);
  const written: number[] = [];
  const run = (toMs: number) =>
    guest.run(toMs, (page, write) => {
      if (write) written.push(page);
      return true;
    });
  run(0);
  expect(program.steps).toBe(0);
  run(0.001);
  expect(program.steps).toBe(1);
  // The program ran, but guest time is before its writes.
  expect(pageOf(guest, 7)[0]).toBe(0);
  run(10);
  expect([written.toSorted(), pageOf(guest, 1)[0], pageOf(guest, 7)[0], program.steps]).toEqual([
    [1, 7],
    1,
    1,
    1,
  ]);
  run(65);
  expect(program.steps).toBe(7);
  guest.close();
  expect(program.closed).toBe(true);
});

test('each migration starts its own program', async () => {
  const { spec, made } = stepper();
  const results = [await simulate({ guest: spec, technique: 'pre-copy', link: LINK })];
  results.push(await simulate({ guest: spec, technique: 'pre-copy', link: LINK }));
  expect(made.map(({ closed }) => closed)).toEqual([true, true]);
  expect(JSON.stringify(results[1])).toBe(JSON.stringify(results[0]));
});

test('a memory may grow up to maxPages; those pages are free until then', async () => {
  const guest = await scribbler('growing', 3000, 4).open(1);
  expect([guest.pages, guest.isAllocated(2047), guest.isAllocated(2048)]).toEqual([3000, true, false]);
  expect(pageOf(guest, 2999).every((byte) => byte === 0)).toBe(true);
  guest.run(200, () => true);
  expect([guest.isAllocated(2303), guest.isAllocated(2304)]).toEqual([true, false]);
  expect(pageOf(guest, 2303).some((byte) => byte !== 0)).toBe(true);
  for (const technique of ['pre-copy', 'me2', 'post-copy', 'pageferry']) {
    const { verified } = await simulate({
      guest: scribbler('growing', 3000, 4),
      technique,
      link: { ...LINK, bitsPerSecond: 2e8 },
    });
    expect(verified).toBe(true);
  }
});

test('refuses a memory larger than maxPages, with both sizes', async () => {
  const guest = await scribbler('growing', undefined, 4).open(1);
  expect(() => guest.run(200, () => true)).toThrow(
    expect.objectContaining({
      code: 'limit',
      message: 'growing: memory has 9437184 bytes after step 4, expected 8388608 … 8388608 (maxPages 2048)',
    }),
  );
});

test('refuses a memory that shrinks, or has partial pages', async () => {
  let bytes = new Uint8Array(8 * PAGE);
  const spec = programGuest({ name: 'odd', open: () => ({ memory: () => bytes, step: () => {} }) });
  const guest = await spec.open(1);
  bytes = new Uint8Array(7 * PAGE);
  expect(() => guest.run(200, () => true)).toThrow(
    /memory has 28672 bytes after step 1, expected 32768 … 32768/,
  );
  bytes = new Uint8Array(100);
  await expect(spec.open(1)).rejects.toMatchObject({
    code: 'bad-argument',
    message: expect.stringMatching(/memory has 100 bytes/),
  });
  expect(() => stepper({ stepMs: 0 })).toThrow(/stepMs is 0/);
});

test('the kernels guest: a memory of 32 MiB, mostly used, and changed by every step', async () => {
  const guest = await wasmProgramGuest('own').open(1);
  expect([guest.name, guest.pages]).toEqual(['own', 8192]);
  let zero = 0;
  for (let page = 0; page < guest.pages; page++) if (pageOf(guest, page).every((byte) => byte === 0)) zero++;
  expect(zero).toBeLessThan(guest.pages / 2);
  const written = [0, 0, 0];
  for (const step of written.keys())
    guest.run(100 * (step + 1), (_, write) => {
      if (write) written[step]!++;
      return true;
    });
  for (const pages of written) expect(pages).toBeGreaterThan(100);
});
