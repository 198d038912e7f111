// Certificate authorities and certificates for tests: the parts of X.509 (RFC 5280) that TLS checks, encoded
// in DER here.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Credentials } from '../../src/channel/security.js';

const DAY_MS = 86_400_000;
const OIDS = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  subjectAltName: '551d11',
  authorityKey: '551d23',
  subjectKey: '551d0e',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
};

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const octets = (...parts: readonly Uint8Array[]) => der(0x04, ...parts);
const oid = (name: keyof typeof OIDS) => der(0x06, Buffer.from(OIDS[name], 'hex'));
const names = (common: readonly string[]) =>
  sequence(...common.map((name) => der(0x31, sequence(oid('commonName'), der(0x0c, Buffer.from(name))))));
const time = (ms: number) =>
  der(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`));
const extension = (name: keyof typeof OIDS, isCritical: boolean, value: Uint8Array) =>
  sequence(oid(name), ...(isCritical ? [der(0x01, Buffer.of(255))] : []), octets(value));
const pem = (kind: string, bytes: Uint8Array) =>
  `-----BEGIN ${kind}-----\n${Buffer.from(bytes).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${kind}-----\n`;

/** Content of a certificate. */
export interface CertificateSpec {
  readonly cn?: string | readonly string[];
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  /** Whether 127.0.0.1 is an alternative name; default true. */
  readonly local?: boolean;
  /** Validity, in days from now. */
  readonly days?: readonly [from: number, to: number];
  readonly usage?: readonly ('serverAuth' | 'clientAuth')[];
}

/** A certificate authority. */
export class Authority {
  readonly pem: string;
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  constructor(private readonly name: string) {
    const own = [
      extension('basicConstraints', true, sequence(der(0x01, Buffer.of(255)))),
      extension('keyUsage', true, der(3, Buffer.of(1, 6))),
    ];
    this.pem = this.signed([name], this.keys.publicKey, [-1, 30], own);
  }

  /** Issue a certificate with its key; the credentials trust this authority only. */
  issue(spec: CertificateSpec): Credentials {
    const {
      cn = [],
      dns = [],
      uris = [],
      local = true,
      days = [-1, 30],
      usage = ['serverAuth', 'clientAuth'],
    } = spec;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const alternatives = [
      ...dns.map((name) => der(0x82, Buffer.from(name))),
      ...uris.map((uri) => der(0x86, Buffer.from(uri))),
      ...(local ? [der(0x87, Buffer.of(127, 0, 0, 1))] : []),
    ];
    const extensions = [extension('extendedKeyUsage', false, sequence(...usage.map(oid)))];
    if (alternatives.length > 0)
      extensions.push(extension('subjectAltName', false, sequence(...alternatives)));
    return {
      certificate: this.signed(typeof cn === 'string' ? [cn] : cn, publicKey, days, extensions),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      authorities: this.pem,
    };
  }

  private signed(
    subject: readonly string[],
    key: KeyObject,
    [from, to]: readonly [number, number],
    own: readonly Uint8Array[],
  ): string {
    const algorithm = sequence(oid('ecdsaWithSha256'));
    const extensions = [
      ...own,
      extension('subjectKey', false, octets(keyId(key))),
      extension('authorityKey', false, sequence(der(0x80, keyId(this.keys.publicKey)))),
    ];
    const certificate = sequence(
      der(0xa0, der(0x02, Buffer.of(2))),
      der(0x02, Buffer.of(1), randomBytes(15)),
      algorithm,
      names([this.name]),
      sequence(time(Date.now() + from * DAY_MS), time(Date.now() + to * DAY_MS)),
      names(subject),
      key.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', certificate, this.keys.privateKey);
    return pem('CERTIFICATE', sequence(certificate, algorithm, der(0x03, Buffer.of(0), signature)));
  }
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}
