import { X509Certificate } from 'node:crypto';

/** Names and end of a certificate. */
export interface CertificateFacts {
  /** Subject and alternative names. */
  readonly name: string;
  /** End of its validity, in seconds since 1970. */
  readonly end: number;
}

/** Read a certificate, PEM. */
export function certificateFacts(pem: string | Uint8Array): CertificateFacts {
  const { subject, subjectAltName, validTo } = new X509Certificate(pem);
  const name = [subject?.replaceAll('\n', ', '), subjectAltName].filter(Boolean).join(', ');
  return { name, end: Math.floor(Date.parse(validTo) / 1000) };
}
