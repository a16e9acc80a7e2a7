// GET profile as a plain Fastify route: no guard, no log, one fixed user.
import Fastify from 'fastify';
import { profileReader } from './profile.ts';

const read = profileReader();
const app = Fastify();
app.get('/profile', () => read(process.env['USER_ID'] ?? ''));
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
process.on('SIGTERM', () => process.exit(0));
