import type { PeerCertificate } from 'node:tls';
import { PageferryError } from '../page/error.js';

/**
 * One name of Node's `subjectaltname`. Node writes a value that contains a comma or a quote as a JSON string,
 * so that one value cannot be read as two.
 */
const ALT_NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)/y;
const KINDS = ['DNS', 'URI'];
const HAS_KIND = /^(CN|DNS|URI):/;

/**
 * Return the names in a certificate, each with its kind: `CN:…` of the subject, `DNS:…` and `URI:…` of the
 * alternative names. Common names are ignored if there are several.
 * @throws PageferryError `io` if the names cannot be parsed
 */
export function identitiesOf({
  subject,
  subjectaltname = '',
}: Pick<PeerCertificate, 'subject' | 'subjectaltname'>): string[] {
  const common: unknown = subject?.CN;
  const identities = typeof common === 'string' ? [`CN:${common}`] : [];
  for (ALT_NAME.lastIndex = 0; ALT_NAME.lastIndex < subjectaltname.length; ) {
    const found = ALT_NAME.exec(subjectaltname);
    if (!found)
      throw new PageferryError('io', `certificate: alternative names cannot be parsed: ${subjectaltname}`);
    const [, kind, value] = found as unknown as [string, string, string];
    if (KINDS.includes(kind)) identities.push(`${kind}:${value.startsWith('"') ? JSON.parse(value) : value}`);
  }
  return identities;
}

/**
 * Return whether one of the identities is in `allowed`, a list of whole names with or without their kind:
 * `host-a`, `DNS:host-a`.
 */
export function isAllowed(identities: readonly string[], allowed: readonly string[]): boolean {
  return identities.some((identity) => {
    const name = identity.slice(identity.indexOf(':') + 1);
    return allowed.includes(identity) || (!HAS_KIND.test(name) && allowed.includes(name));
  });
}
