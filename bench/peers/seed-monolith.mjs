// One Express service with its own users: bcrypt, and HS256 tokens with one secret.
import bcrypt from 'bcrypt';
import express from 'express';
import jwt from 'jsonwebtoken';
import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';

const secret = randomBytes(32);
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
await pool.query(`
  CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL UNIQUE, password_hash text NOT NULL,
    name text NOT NULL, bio text NOT NULL DEFAULT '', phone text NOT NULL DEFAULT '', locale text NOT NULL DEFAULT ''
  )`);

function authenticate(request, response, next) {
  const token = request.headers.authorization?.split(' ')[1] ?? '';
  try {
    request.user = jwt.verify(token, secret, { algorithms: ['HS256'] });
    next();
  } catch {
    response.status(401).json({ error: 'invalid token' });
  }
}

const app = express();
app.use(express.json());
app.post('/register', async ({ body: { email, password, name } }, response) => {
  const hash = await bcrypt.hash(password, 10);
  await pool.query('INSERT INTO users (email, password_hash, name) VALUES ($1, $2, $3)', [email, hash, name]);
  response.status(201).json({ email });
});
app.post('/login', async ({ body: { email, password } }, response) => {
  const text = 'SELECT id, password_hash FROM users WHERE email = $1';
  const { rows } = await pool.query({ name: 'login', text, values: [email] });
  if (rows.length === 0 || !(await bcrypt.compare(password, rows[0].password_hash))) {
    response.status(401).json({ error: 'invalid credentials' });
    return;
  }
  response.json({ access_token: jwt.sign({ sub: rows[0].id }, secret, { expiresIn: '15m' }) });
});
app.get('/profile', authenticate, async (request, response) => {
  const text = 'SELECT id, email, name, bio, phone, locale FROM users WHERE id = $1';
  const { rows } = await pool.query({ name: 'profile', text, values: [request.user.sub] });
  response.json(rows[0]);
});
app.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
