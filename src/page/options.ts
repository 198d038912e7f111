import { badArgument } from './error.js';

/** Check that an argument of a call is a function. @throws PageferryError `bad-argument` */
export function checkFunction(call: string, name: string, value: unknown): void {
  if (typeof value !== 'function')
    throw badArgument(`${call}: ${name}: expected a function, got ${typeof value}`);
}

/** The type of every option of a call; `any`: its value is checked elsewhere. */
export type OptionTypes<T> = {
  readonly [Name in keyof Required<T>]: 'boolean' | 'number' | 'string' | 'function' | 'any';
};

/**
 * Check that all options of a call exist and have their types, so that a misspelt one is not ignored.
 * @throws PageferryError `bad-argument` that names the option
 */
export function checkOptions<T extends object>(call: string, options: T, types: OptionTypes<T>): void {
  const fail = (text: string): never => {
    throw badArgument(text);
  };
  if (typeof options !== 'object' || options === null)
    fail(`${call}: expected an object of options, got ${options === null ? 'null' : typeof options}`);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(types, name))
      fail(`${call}: unknown option "${name}": expected one of ${Object.keys(types).join(', ')}`);
    const type = types[name as keyof T];
    if (value !== undefined && type !== 'any' && typeof value !== type)
      fail(`${name}: expected a ${type}, got ${value === null ? 'null' : `a ${typeof value} (${value})`}`);
  }
}
