// GET profile as in a common tutorial design: for every request, middleware fetches the auth service's public key and
// verifies the token with it.
import axios from 'axios';
import express from 'express';
import jwt from 'jsonwebtoken';
import { readProfile } from './profile.mjs';

const { KEY_URL, ISSUER, AUDIENCE } = process.env;

async function authenticate(request, response, next) {
  const token = request.headers.authorization?.split(' ')[1] ?? '';
  try {
    const { data: key } = await axios.get(KEY_URL);
    request.user = jwt.verify(token, key, { algorithms: ['RS256'], issuer: ISSUER, audience: AUDIENCE });
    next();
  } catch {
    response.status(401).json({ error: 'invalid token' });
  }
}

const app = express();
app.use(express.json());
app.get('/profile', authenticate, async (request, response) => {
  response.json(await readProfile(request.user.sub));
});
app.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
