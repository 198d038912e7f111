import { isHttpUrl } from '../image/http/http-file.js';
import { readSpecification } from '../mount/specification.js';
import type { OpenOptions } from '../store/options.js';
import { keyFileOf } from './store/options.js';

/** Return the key file for what is mounted or served: that of the environment is for stores only. */
export function servedKeyFile(
  specification: string,
  values: { readonly 'key-file': string | undefined },
): OpenOptions {
  const isStore = !isHttpUrl(specification) && readSpecification(specification).kind === 'store';
  return isStore ? keyFileOf(values) : { keyFile: values['key-file'] };
}
