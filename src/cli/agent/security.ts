import { createPrivateKey, X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import type { Log } from '../../agent/log.js';
import type { ConnectOptions } from '../../channel/connect.js';
import type { ChannelOptions } from '../../channel/security.js';
import { type Address, addressText } from '../../channel/transports/address.js';
import { systemReason } from '../../image/fs/errno.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { Values } from '../option-table.js';
import { UsageError } from '../usage-error.js';
import type { CommonValues, PEER_OPTIONS } from './options.js';

/** The options of the channel. */
type ChannelValues = Pick<CommonValues, PemOption | 'insecure' | 'stall'>;
type PemOption = 'tls-cert' | 'tls-key' | 'tls-ca';

/**
 * Return the channel's options, with the TLS files read. @throws UsageError where one is missing;
 * PageferryError `io`
 */
export function channelOptions(values: ChannelValues, log: Log): ChannelOptions {
  const stallMs = 1000 * values.stall;
  if (values.insecure) {
    const given = (['tls-cert', 'tls-key', 'tls-ca'] as const).find((name) => values[name] !== undefined);
    if (given) throw new UsageError(`--${given}: cannot be combined with --insecure`);
    const warned = new Set<string>();
    const onWarning = (message: string) => {
      // A program opens several channels to one peer.
      if (!warned.has(message)) log({ level: 'warn', migration: 0, message });
      warned.add(message);
    };
    return { stallMs, insecure: true, onWarning };
  }
  const credentials = {
    certificate: pem(values, 'tls-cert'),
    key: pem(values, 'tls-key'),
    authorities: pem(values, 'tls-ca'),
  };
  checkCredentials(values, credentials);
  return { stallMs, credentials };
}

/** Check files at the start that would fail every migration. @throws PageferryError `bad-argument` */
function checkCredentials(
  values: ChannelValues,
  { certificate, key, authorities }: { certificate: string; key: string; authorities: string },
): void {
  const parsed = parsedAs(values, 'tls-cert', 'certificate', () => new X509Certificate(certificate));
  const privateKey = parsedAs(values, 'tls-key', 'private key', () => createPrivateKey(key));
  parsedAs(values, 'tls-ca', 'certificate', () => new X509Certificate(authorities));
  if (!parsed.checkPrivateKey(privateKey))
    throw badArgument(
      `--tls-key ${values['tls-key']}: is not the key of the certificate in --tls-cert ${values['tls-cert']}`,
    );
}

function parsedAs<T>(values: ChannelValues, name: PemOption, label: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw badArgument(`--${name} ${values[name]}: has no PEM ${label}`, { cause });
  }
}

function pem(values: ChannelValues, name: PemOption): string {
  const path = values[name];
  if (path === undefined)
    throw new UsageError(
      `--${name} FILE is required: write --tls-cert, --tls-key and --tls-ca, or --insecure`,
    );
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PageferryError('io', `--${name} ${path}: ${systemReason(cause)}`, { cause });
  }
}

/** Return an address of the channel between two agents: plain TCP with `--insecure`, else TLS. */
export function channelAddress(address: Address, { insecure }: Pick<CommonValues, 'insecure'>): string {
  return `${insecure ? 'tcp' : 'tls'}:${addressText(address)}`;
}

/** Return the options of a channel to the destination agent. */
export function peerOptions(
  values: Values<typeof PEER_OPTIONS> & Pick<CommonValues, 'insecure'>,
  security: ChannelOptions,
): ConnectOptions {
  const serverName = values['server-name'];
  return {
    address: channelAddress(values.peer, values),
    ...security,
    ...(serverName !== undefined && { serverName }),
  };
}
