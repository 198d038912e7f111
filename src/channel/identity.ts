import type { PeerCertificate } from 'node:tls';
import { PageferryError } from '../page/error.js';

/**
 * One name of `subjectaltname` as Node writes it: a value that has a comma or a quote in it stands as a JSON string, so that no
 * value can pretend to be two.
 */
const ALT_NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)/y;
const KINDS = ['DNS', 'URI'];
const HAS_KIND = /^(CN|DNS|URI):/;

/**
 * Whom a certificate names, each with its kind: `CN:…` of the subject, `DNS:…` and `URI:…` of the alternative names. A subject with
 * several common names has none that could be meant.
 * @throws PageferryError `io` when the names cannot be told apart
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
      throw new PageferryError('io', `certificate: alternative names that cannot be read: ${subjectaltname}`);
    const [, kind, value] = found as unknown as [string, string, string];
    if (KINDS.includes(kind)) identities.push(`${kind}:${value.startsWith('"') ? JSON.parse(value) : value}`);
  }
  return identities;
}

/** Whether one of them is on the list, whose names are whole and may say their kind: `host-a`, `DNS:host-a`. */
export function isAllowed(identities: readonly string[], allowed: readonly string[]): boolean {
  return identities.some((identity) => {
    const name = identity.slice(identity.indexOf(':') + 1);
    return allowed.includes(identity) || (!HAS_KIND.test(name) && allowed.includes(name));
  });
}
