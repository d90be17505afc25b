import { createHmac, createSecretKey } from 'node:crypto';

/** HMAC-SHA-256. The key is made ready once: that costs several times what a short text does. */
export function hmacSha256(key: Uint8Array): (data: Uint8Array) => Uint8Array {
  const secret = createSecretKey(key);
  return (data) => createHmac('sha256', secret).update(data).digest();
}

/**
 * A keyed hash for receipts and other look-up keys: HMAC-SHA-256 cut to 128 bits, written as a UUID because
 * PostgreSQL keeps those in 16 bytes. Without the key nobody can tell which text a hash stands for.
 * Throws `TypeError` for a key of fewer than 32 bytes.
 */
export function uuidHash(key: Uint8Array): (text: string) => string {
  if (key.length < 32) throw new TypeError('The key of the hash has fewer than 32 bytes.');
  const secret = createSecretKey(key);
  return (text) => {
    const hex = createHmac('sha256', secret).update(text, 'utf8').digest('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
  };
}
