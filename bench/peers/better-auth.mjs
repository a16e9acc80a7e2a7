// better-auth with email and password, on its own tables in PostgreSQL. With HASH=argon2id it hashes passwords as Signet
// does; otherwise by its default, scrypt.
import * as argon2 from '@node-rs/argon2';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Pool } from 'pg';

const { DATABASE_URL, PORT, HASH, ARGON2_MEMORY, ARGON2_PASSES } = process.env;
const parameters = { memoryCost: Number(ARGON2_MEMORY), timeCost: Number(ARGON2_PASSES), parallelism: 1 };
const argon2id = {
  hash: (password) => argon2.hash(password, parameters),
  verify: ({ hash, password }) => argon2.verify(hash, password),
};

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: randomBytes(32).toString('base64'),
  database: new Pool({ connectionString: DATABASE_URL, max: 10 }),
  emailAndPassword: { enabled: true, ...(HASH === 'argon2id' && { password: argon2id }) },
  // The load comes from one address.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();
const handle = toNodeHandler(auth);
createServer((request, response) => {
  handle(request, response).catch((error) => response.destroy(error));
}).listen(Number(PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
