import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { EMULATED_MS } from '../../src/agent/advise/modes.js';
import { testFolder } from '../image/support.js';
import { type FakeAnswers, FakeMonitor } from '../support/fake-monitor.js';
import { cli, done, fails } from './in-process.js';

const path = join(testFolder(), 'qmp');
let monitor: FakeMonitor | undefined;
afterEach(() => monitor?.close());

async function advised(link: string, answers: FakeAnswers = {}, ...options: string[]) {
  monitor = await FakeMonitor.listening(path, answers);
  const { stdout } = await done(['advise', '--qmp', `unix:${path}`, '--link', link, '--json', ...options]);
  await monitor.close();
  return JSON.parse(stdout.toString());
}

const WRITES = { 'query-dirty-rate': { status: 'measured', 'dirty-rate': 500 } };

test('reads the guest, changes nothing, and prints every mode', async () => {
  monitor = await FakeMonitor.listening(path);
  const { stdout } = await done(['advise', '--qmp', `unix:${path}`, '--link', '1Gbit']);
  const text = stdout.toString();
  expect(text).toMatch(/^QEMU 7\.2\.22, running: 1\.\d+ \w+ of memory, 2 CPUs$/m);
  for (const mode of ['plain', 'multifd', 'multifd-zstd', 'post-copy', 'agents'])
    expect(text).toMatch(new RegExp(`^ {2}${mode} +\\d`, 'm'));
  // How fast this host packs decides which mode it is.
  expect(text).toMatch(/^advice: [\w-]+: the shortest time within a downtime of 300 ms: /m);
  expect(text).toMatch(/^ {2}migrate (directly|to the source agent): .*return-path on, max-bandwidth 1/m);
  expect(text).toMatch(/^from: .* \(assumed\)$/m);
  expect(text).toMatch(
    // Cores in use are measured while QEMU measures, which can be too short here.
    /^from: dirty rate 10\.0 MiB\/s \(calc-dirty-rate\); link 1 Gbit\/s; \d+ and \d+ cores(, \d+\.\d of the source's in use \(measured, the guest's included\))?$/m,
  );
  expect(text).toMatch(/^from: CPU costs of the modes: recorded with QEMU 7\.2, /m);
  const changing = monitor.commands.filter(({ execute }) => /^(migrate|set|stop|cont)/.test(execute));
  expect(changing).toEqual([]);
});

test('the advice follows the link and the dirty rate', async () => {
  // Rates at which no host decides.
  const idle = { 'query-dirty-rate': { status: 'measured', 'dirty-rate': 0 } };
  const thin = await advised('1Mbit', idle);
  expect(thin.advice.mode).toBe('agents');
  const fast = await advised('100Gbit', idle);
  expect(fast.advice.mode).toBe('multifd');
  const writing = await advised('1Gbit', WRITES);
  expect(writing.estimates.find(({ mode }: { mode: string }) => mode === 'plain').converges).toBe(false);
  const able = writing.estimates.filter(({ converges }: { converges: boolean }) => converges);
  expect(able.map(({ mode }: { mode: string }) => mode)).toContain('post-copy');
  const short = await advised('1Mbit', WRITES, '--max-total', '1');
  expect(short.advice).toMatchObject({ mode: null, reason: 'no mode meets a downtime of 300 ms and 1.0 s' });
});

test('whether QEMU emulates the CPUs of the guest; one that does not tell is taken to use KVM', async () => {
  const totalMs = ({ estimates }: { estimates: { mode: string; totalMs: number }[] }) =>
    estimates.find(({ mode }) => mode === 'plain')!.totalMs;
  // A link at which no host decides.
  const kvm = await advised('1Mbit');
  expect([kvm.isEmulated, (await advised('1Mbit', { 'query-kvm': null })).isEmulated]).toEqual([
    false,
    false,
  ]);
  const emulated = await advised('1Mbit', { 'query-kvm': { enabled: false, present: true } });
  expect(emulated.isEmulated).toBe(true);
  expect(totalMs(emulated) - totalMs(kvm)).toBeCloseTo(EMULATED_MS, 5);
});

test('the last migration shows how much of the memory repeats one byte', async () => {
  const ram = { normal: 20_000, duplicate: 180_000, remaining: 0 };
  const sparse = await advised('1Gbit', { 'query-migrate': { status: 'failed', ram } });
  const usual = await advised('1Gbit');
  const bytes = ({ estimates }: { estimates: { firstRoundBytes: number }[] }) =>
    estimates[0]!.firstRoundBytes;
  expect(bytes(sparse) / bytes(usual)).toBeCloseTo(0.1 / 0.6, 5);
});

test('a QEMU that measures no dirty rate: noted, and convergence is unknown', async () => {
  monitor = await FakeMonitor.listening(path, { 'calc-dirty-rate': null });
  const run = await cli(['advise', '--qmp', `unix:${path}`, '--link', '1Gbit', '--json']);
  expect(run.code).toBe(0);
  expect(run.stderr).toMatch(/note: the dirty rate is not known: QMP at unix:.*calc-dirty-rate: The command/);
  const { estimates, dirtyBytesPerSecond, advice } = JSON.parse(run.stdout.toString());
  expect([estimates[0].converges, dirtyBytesPerSecond]).toEqual([null, null]);
  expect(advice.reason).toMatch(/the dirty rate is not known$/);
});

test('answers of another shape are an error, or a number that is not known', async () => {
  const shapes = { 'query-migrate-capabilities': 'x', 'query-migrate-parameters': [], 'query-cpus-fast': 7 };
  const odd = await advised('1Gbit', { ...shapes, 'query-version': {}, 'query-migrate': { ram: 5 } });
  expect(odd.guest).toMatchObject({ version: '0.0.0', cpus: 0, capabilities: [] });
  monitor = await FakeMonitor.listening(path, { 'query-memory-size-summary': { 'base-memory': 'much' } });
  await fails(1, ['advise', '--qmp', `unix:${path}`, '--link', '1Gbit'], /QEMU reports no guest memory/);
});

test('usage, and no monitor', async () => {
  await fails(2, ['advise', '--link', '1Gbit'], /--qmp/);
  await fails(2, ['advise', '--qmp', `unix:${path}`, '--link', 'fast'], /--link fast: not a rate/);
  await fails(1, ['advise', '--qmp', `unix:${path}.none`, '--link', '1Gbit'], /QMP at unix:.*ENOENT/);
});
