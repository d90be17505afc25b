import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

const ISSUER = 'https://id.example.com/';
const AUDIENCE = 'portolan';

/** An identity provider: it signs JSON Web Tokens and publishes the key to check them with. */
export interface TokenIssuer {
  /** What a server needs to know of it. */
  readonly settings: Readonly<Record<'JWKS_URL' | 'JWT_ISSUER' | 'JWT_AUDIENCE', string>>;
  /** A token for five minutes with these claims, which may be others than it should sign. */
  sign(claims: JWTPayload): Promise<string>;
  close(): Promise<void>;
}

/** Starts one on this machine. */
export async function startTokenIssuer(): Promise<TokenIssuer> {
  const [alg, kid] = ['ES256', 'key-1'];
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg, kid, use: 'sig' }] });
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(keys);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    settings: { JWKS_URL: `http://127.0.0.1:${port}/keys`, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE },
    sign: (claims) =>
      new SignJWT({ iss: ISSUER, aud: AUDIENCE, ...claims })
        .setProtectedHeader({ alg, kid })
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(privateKey),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
