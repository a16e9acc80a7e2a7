// npm run --silent compose:env >> .env: prints the lines that docker-compose.yml needs in .env and that are not there:
// the master key, the passwords of the database and of each service's role, a key for each service.
import { randomBytes } from 'node:crypto';
import { readEnvironment } from '#kit/config/environment.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { explain } from '#kit/process/start-error.ts';
import { composeEnvironment } from './compose.ts';

try {
  const lines = composeEnvironment(readEnvironment(), {
    password: () => randomBytes(24).toString('hex'),
    masterKey: () => randomBytes(32).toString('base64'),
    serviceKey: generateServiceKey,
  });
  for (const [name, value] of lines) console.log(`${name}=${value}`);
  if (lines.length === 0) console.error('.env has everything that docker-compose.yml needs');
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
