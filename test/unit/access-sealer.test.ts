import { createCipheriv, hkdfSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { SealBroken } from '../../src/application/shared/sealer.ts';
import { uuidHash } from '../../src/infrastructure/system/keyed-hash.ts';
import { createSealer } from '../../src/infrastructure/system/sealer.ts';

const pepper = (id: string, fill: number) => ({ id, secret: new Uint8Array(32).fill(fill) });
const sealer = createSealer([pepper('2026', 1)]);

describe('A sealer', () => {
  it('opens what it sealed, whatever the text and the context', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 300 });
    fc.assert(
      fc.property(text, text, (plain, context) => {
        expect(sealer.open(sealer.seal(plain, context), context)).to.equal(plain);
      }),
      { numRuns: 200 },
    );
  });

  it('opens what was sealed by the book: HKDF-SHA-256, AES-256-GCM', () => {
    const key = new Uint8Array(hkdfSync('sha256', pepper('2026', 1).secret, '', 'portolan.seal.1:card 1', 32));
    const nonce = Buffer.alloc(12, 9);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from('portolan.seal.1.2026'));
    const body = Buffer.concat([nonce, cipher.update('secret'), cipher.final(), cipher.getAuthTag()]);
    expect(sealer.open(`1.2026.${body.toString('base64url')}`, 'card 1')).to.equal('secret');
  });

  it('takes contexts of any length', () => {
    const context = 'x'.repeat(5000);
    expect(sealer.open(sealer.seal('secret', context), context)).to.equal('secret');
    expect(() => sealer.open(sealer.seal('secret', context), `${context}y`)).to.throw(SealBroken);
  });

  it('seals the same text differently each time', () => {
    const sealed = new Set(Array.from({ length: 100 }, () => sealer.seal('secret', 'context')));
    expect(sealed.size).to.equal(100);
  });

  it('shows neither text nor context in what it seals', () => {
    const sealed = sealer.seal('secret', 'context');
    const bytes = Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1');
    expect(sealed + bytes).to.not.match(/secret|context/);
  });

  it('refuses to open in another context', () => {
    const sealed = sealer.seal('secret', 'card 1 key a');
    expect(() => sealer.open(sealed, 'card 1 key b')).to.throw(SealBroken);
  });

  it('notices a change of any single byte', () => {
    const sealed = sealer.seal('secret', 'context');
    const [version, id, body = ''] = sealed.split('.');
    const bytes = Buffer.from(body, 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      const text = `${version}.${id}.${changed.toString('base64url')}`;
      expect(() => sealer.open(text, 'context'), `byte ${index}`).to.throw(SealBroken);
    }
  });

  it('opens one spelling only', () => {
    const sealed = sealer.seal('secret', 'context');
    // The last of 46 characters carries two bits; the other four are not covered by the seal.
    const others = ['A', 'B', 'C', 'Q', 'R', 'g', 'w'].map((last) => sealed.slice(0, -1) + last);
    for (const text of others.filter((one) => one !== sealed)) {
      expect(() => sealer.open(text, 'context'), text.slice(-1)).to.throw(SealBroken);
    }
  });

  it('notices when text is cut off, added, or taken for that of another pepper', () => {
    const two = createSealer([pepper('b', 1), pepper('a', 1)]);
    const sealed = two.seal('secret', 'context');
    expect(() => two.open(sealed.replace('1.b.', '1.a.'), 'context')).to.throw(SealBroken);
    for (const text of ['', '1.b.', 'secret', `${sealed}A`, sealed.slice(0, -1), sealed.slice(0, 12), `${sealed}=`]) {
      expect(() => two.open(text, 'context'), text).to.throw(SealBroken);
    }
  });

  it('opens with every configured pepper and seals with the newest', () => {
    const old = sealer.seal('secret', 'context');
    const rotated = createSealer([pepper('2027', 2), pepper('2026', 1)]);
    expect(rotated.open(old, 'context')).to.equal('secret');
    const fresh = rotated.seal('secret', 'context');
    expect(fresh).to.match(/^1\.2027\./);
    expect(() => sealer.open(fresh, 'context')).to.throw(SealBroken);
  });

  it('names no secret in the error of a broken seal', () => {
    const sealed = sealer.seal('the secret', 'the context');
    expect(() => sealer.open(sealed, 'another')).to.throw(SealBroken, /^((?!the secret|the context).)*$/);
  });

  it('is not made with unusable peppers', () => {
    expect(() => createSealer([])).to.throw(TypeError, 'At least one');
    expect(() => createSealer([{ id: 'a', secret: new Uint8Array(31) }])).to.throw(TypeError, '32 bytes');
    expect(() => createSealer([pepper('a', 1), pepper('a', 2)])).to.throw(TypeError, 'two peppers');
    expect(() => createSealer([pepper('a.b', 1)])).to.throw(TypeError, 'id of a pepper');
  });
});

describe('A keyed hash as UUID', () => {
  const hash = uuidHash(new Uint8Array(32).fill(7));

  it('is the same for the same text, in the form of a UUID', () => {
    expect(hash('text')).to.equal(hash('text'));
    expect(hash('text')).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('is the first half of HMAC-SHA-256 by RFC 4231', () => {
    const key = new Uint8Array(131).fill(0xaa);
    const text = 'Test Using Larger Than Block-Size Key - Hash Key First';
    expect(uuidHash(key)(text)).to.equal('60e43159-1ee0-b67f-0d8a-26aacbf5b77f');
  });

  it('differs under another key', () => {
    expect(uuidHash(new Uint8Array(32).fill(8))('text')).to.not.equal(hash('text'));
  });

  it('refuses a short key', () => {
    expect(() => uuidHash(new Uint8Array(31))).to.throw(TypeError);
  });
});
