// GET profile with a common way to verify tokens: for every request, middleware
// fetches the auth service's public key, imports it and verifies the token. Uses
// Fastify and jose, which cost less than Express and jsonwebtoken.
import Fastify from 'fastify';
import { importSPKI, jwtVerify } from 'jose';
import { Agent, get } from 'node:http';
import { profileReader } from './profile.ts';

const read = await profileReader();
const keyUrl = process.env['KEY_URL'] ?? '';
const agent = new Agent({ keepAlive: true });

function fetchKey(): Promise<string> {
  return new Promise((resolve, reject) => {
    get(keyUrl, { agent }, (response) => {
      let pem = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (pem += chunk));
      response.on('end', () => resolve(pem));
    }).on('error', reject);
  });
}

const app = Fastify();
app.get('/profile', async ({ headers }) => {
  const token = headers.authorization?.replace(/^Bearer /, '') ?? '';
  const key = await importSPKI(await fetchKey(), 'RS256');
  const { payload } = await jwtVerify(token, key, {
    algorithms: ['RS256'],
    issuer: 'http://localhost:8080',
    audience: 'signet',
    typ: 'at+jwt',
  });
  return read(payload.sub ?? '');
});
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
process.on('SIGTERM', () => process.exit(0));
