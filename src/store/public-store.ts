// The store of `pageferry/store`: it checks what it is given before it takes its lock, reads or stores
// anything. The command line checks the values of its options itself, and uses the class Store.
import { checkedSink } from '../page/checked-sink.js';
import { checkedSource } from '../page/checked-source.js';
import { checkFunction } from '../page/options.js';
import type { PageSink, PageSource } from '../page/source.js';
import type { CheckOptions } from './check/check.js';
import { checkCall, checkNames, checkPolicy, checkString } from './check-arguments.js';
import type { StoreLayout } from './config.js';
import { createContext } from './create-context.js';
import type { GcOptions } from './gc/gc.js';
import { openContext } from './open-context.js';
import type {
  CompareOptions,
  GetOptions,
  OpenOptions,
  PruneOptions,
  PutOptions,
  WriterOptions,
} from './options.js';
import type { ReadOptions } from './read/snapshot.js';
import type { RepackOptions } from './repack/repack.js';
import type { RetentionPolicy } from './retention.js';
import { Store } from './store.js';
import type { Trace } from './trace.js';
import type { WriteBytes } from './transfer/export.js';
import type { ImportOptions } from './transfer/import.js';

/**
 * Create a store in `dir`, which must not exist or be empty. With a key file, its frames, names, labels and
 * manifests are encrypted. @throws PageferryError
 */
export async function createStore(
  dir: string,
  layout: StoreLayout = {},
  options: OpenOptions = {},
): Promise<Store> {
  checkString('createStore: dir', dir);
  checkCall('createStore', layout);
  checkCall('openStore', options);
  return new PublicStore(await createContext(dir, layout, options));
}

/** Open the store in `dir`. @throws PageferryError when there is none, or none that can be used */
export async function openStore(dir: string, options: OpenOptions = {}): Promise<Store> {
  checkString('openStore: dir', dir);
  checkCall('openStore', options);
  return new PublicStore(await openContext(dir, options));
}

class PublicStore extends Store {
  override info(name: string) {
    checkString('info: name', name);
    return super.info(name);
  }

  override has(name: string) {
    checkString('has: name', name);
    return super.has(name);
  }

  override async put(source: PageSource, options: PutOptions) {
    checkCall('put', options);
    return super.put(checkedSource(source), options);
  }

  override async holds(name: string, source: PageSource, options: CompareOptions = {}) {
    checkString('holds: name', name);
    checkCall('holds', options);
    return super.holds(name, checkedSource(source), options);
  }

  override async get(name: string, sink: PageSink, options: GetOptions = {}) {
    checkString('get: name', name);
    checkCall('get', options);
    return super.get(name, checkedSink(sink, name), options);
  }

  override async open(names: readonly string[], options: ReadOptions = {}) {
    checkNames('open', names);
    checkCall('open', options);
    return super.open(names, options);
  }

  override async remove(names: string | readonly string[], options: WriterOptions = {}) {
    checkNames('remove', [names].flat());
    checkCall('remove', options);
    return super.remove(names, options);
  }

  override async prune(policy: RetentionPolicy, options: PruneOptions = {}) {
    checkPolicy(policy);
    checkCall('prune', options);
    return super.prune(policy, options);
  }

  override async export(names: readonly string[], write: WriteBytes, signal?: AbortSignal) {
    checkNames('export', names);
    checkFunction('export', 'write', write);
    return super.export(names, write, signal);
  }

  override async import(source: PageSource, options: ImportOptions = {}) {
    checkCall('import', options);
    return super.import(checkedSource(source), options);
  }

  override async repack(name: string, trace: Trace, options: RepackOptions = {}) {
    checkString('repack: name', name);
    checkCall('repack', options);
    return super.repack(name, trace, options);
  }

  override async gc(options: GcOptions & WriterOptions = {}) {
    checkCall('gc', options);
    return super.gc(options);
  }

  override async check(options: CheckOptions = {}) {
    checkCall('check', options);
    return super.check(options);
  }
}
