import { defineConfig } from 'tsup';
import { library } from './tsup.config.js';

/**
 * Types are checked by `npm run lint`; here they are only written, without what is `@internal`: a constructor
 * that only this package calls would bring the types of the optional package lmdb.
 */
export default defineConfig({
  ...library,
  dts: { only: true, compilerOptions: { ignoreDeprecations: '6.0', noCheck: true, stripInternal: true } },
});
