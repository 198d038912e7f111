import { badArgument } from '../page/error.js';

/** Throw the error of a technique that calls methods of its migration out of order. */
export function missingCall(method: string, before: string): never {
  throw badArgument(`technique: ${method} was not called before ${before}; call migration.${method}() first`);
}
