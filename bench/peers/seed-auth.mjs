// Serves the public key of Signet's tokens, as the auth service of a common tutorial design does: to any service, for
// every request.
import express from 'express';

const pem = await (await fetch(`${process.env.KEYS_AT}/api/v1/auth/public-key`)).text();
const app = express();
app.get('/public-key', (_, response) => response.type('text/plain').send(pem));
app.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
