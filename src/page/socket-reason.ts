/** Reasons of failed socket calls by the operating system's names of them. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ENOENT: 'no such socket',
  ENOTFOUND: 'no host has this name',
  EAI_AGAIN: 'the name server does not answer',
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'not an address of this host',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection is closed',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  EACCES: 'permission denied',
};

/** System calls of sockets, as Node names them. */
const SYSTEM_CALLS = ['connect', 'listen', 'bind', 'getaddrinfo', 'accept', 'read', 'write', 'shutdown'];

/**
 * Return the reason of a failed socket call, "connection refused: nothing listens there (ECONNREFUSED)": the
 * message of Node's error names the call and the address, which the caller's message already has.
 */
export function socketReason(cause: Error & { readonly code?: string; readonly syscall?: string }): string {
  const { code, syscall, message } = cause;
  // Files have the same codes with other meanings.
  if (!SYSTEM_CALLS.includes(syscall ?? '') || code === undefined || !Object.hasOwn(REASONS, code))
    return message;
  return `${REASONS[code]} (${code})`;
}
