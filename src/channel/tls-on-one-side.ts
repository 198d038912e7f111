// Messages for a channel with TLS on one host and plain TCP on the other.

const REMEDY = 'use certificates or --insecure on both';

/** Types of the first TLS record that a host sends: alert and handshake (RFC 8446, section 5.1). */
const RECORD_TYPES = [21, 22];
const RECORD_MAJOR_VERSION = 3;

/** OpenSSL's error for first bytes that are not a TLS record. */
const NO_TLS_RECORD = 'ERR_SSL_WRONG_VERSION_NUMBER';

/** Return the reason for an end before any answer. A TLS server closes a plain connection without a byte. */
export function handshakeEndReason({ isPlainTcp }: { readonly isPlainTcp?: boolean }): string {
  const example = isPlainTcp ? `, such as TLS on one side only: ${REMEDY}` : '';
  return `closed the connection during the handshake; its log has the reason${example}`;
}

/** Return the reason, where the first bytes of a peer are a TLS record in place of a frame. */
export function tlsRecordReason([type = 0, version]: Uint8Array): string | undefined {
  const isTls = RECORD_TYPES.includes(type) && version === RECORD_MAJOR_VERSION;
  return isTls ? `TLS on one side only (the peer's): ${REMEDY}` : undefined;
}

/** Return the reason, where the first bytes of a peer are not TLS. */
export function plainTcpReason({
  code,
}: Error & { readonly code?: string; readonly reason?: string }): string | undefined {
  return code === NO_TLS_RECORD
    ? `TLS on one side only (the peer sent no TLS: wrong version number): ${REMEDY}`
    : undefined;
}
