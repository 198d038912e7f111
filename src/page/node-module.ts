/** Node's own modules, without an import that a bundler for browsers would trip over. */
export function nodeModule<T>(name: string): T | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as T | undefined;
}
