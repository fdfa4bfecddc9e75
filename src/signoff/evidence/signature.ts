/** Ed25519 over the index of a bundle (RFC 8032, by node:crypto): the index holds the hash of every file, so that one
 *  signature covers all of them. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError, FormatError } from '../../base/errors.js';
import { readAs } from '../../base/readAs.js';

const signatureSchema = z.object({
  algorithm: z.literal('Ed25519'),
  /** The public part of the key that signed, as DER (SPKI) in base64. It proves nothing by itself: anyone may sign with a key of their own. */
  publicKey: z.string(),
  signature: z.string(),
});

export type BundleSignature = z.infer<typeof signatureSchema>;

/** Signs bytes with a private key. @param keyFile PEM, as `openssl genpkey -algorithm ed25519` writes it
 *  @throws ConfigError for what is no such key; the key itself is never shown */
export function signBytes(bytes: Uint8Array, keyFile: string): BundleSignature {
  const key = readKey(keyFile, '--sign', createPrivateKey, 'a private key');
  return {
    algorithm: 'Ed25519',
    publicKey: spki(createPublicKey(key)).toString('base64'),
    signature: sign(null, bytes, key).toString('base64'),
  };
}

/** Reads a public key. @throws ConfigError */
export function readPublicKey(keyFile: string): KeyObject {
  return readKey(keyFile, '--key', createPublicKey, 'a public key');
}

/** @throws FormatError for what is no signature */
export function parseSignature(bytes: Uint8Array, where: string): BundleSignature {
  try {
    return readAs(signatureSchema, JSON.parse(new TextDecoder().decode(bytes)), where);
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError('not valid JSON', { where, cause });
  }
}

/** Returns the key that a signature names; null where that is no Ed25519 key. */
export function keyOf({ publicKey }: BundleSignature): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null; // It is then no signature of ours, which the caller reports.
  }
}

/** Whether the signature over these bytes is by this key. */
export function isSignedBy(key: KeyObject, bytes: Uint8Array, { signature }: BundleSignature): boolean {
  return verify(null, bytes, key, Buffer.from(signature, 'base64'));
}

/** The name by which people compare keys: SHA-256 of the key's DER form. */
export function fingerprintOf(key: KeyObject): string {
  return createHash('sha256').update(spki(key)).digest('hex');
}

function spki(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}

function readKey(file: string, where: string, parse: (text: Buffer) => KeyObject, what: string): KeyObject {
  let key: KeyObject;
  try {
    key = parse(readFileSync(file));
  } catch {
    // The cause is left out: what a parser says of a private key stays here.
    throw new ConfigError(`this file holds no ${what.replace(/^an? /, '')}`, {
      where: `${where} ${file}`,
      expected: `${what} in PEM`,
      remedy:
        'Make a pair: `openssl genpkey -algorithm ed25519 -out key.pem`, `openssl pkey -in key.pem -pubout -out pub.pem`.',
    });
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new ConfigError('this is a key of another kind', {
    where: `${where} ${file}`,
    expected: `${what} of Ed25519`,
    got: String(key.asymmetricKeyType),
  });
}
