// Throwaway certificates for examples, made with the openssl program (3.0 or later) and valid for one day.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Create an authority and one certificate per name, valid for 127.0.0.1. Returns the credentials by name. */
export function createCredentials(names) {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-example-'));
  const file = (name) => join(folder, name);
  const read = (name) => readFileSync(file(name), 'utf8');
  const issue = (name, ...options) =>
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
        .concat(['-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)])
        .concat(options),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
  try {
    issue('authority');
    const signed = ['-CA', file('authority.pem'), '-CAkey', file('authority.key')];
    const entries = names.map((name) => {
      issue(
        name,
        ...signed,
        '-addext',
        'subjectAltName=IP:127.0.0.1',
        '-addext',
        'basicConstraints=CA:FALSE',
      );
      const credentials = { certificate: read(`${name}.pem`), key: read(`${name}.key`) };
      return [name, { ...credentials, authorities: read('authority.pem') }];
    });
    return Object.fromEntries(entries);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
