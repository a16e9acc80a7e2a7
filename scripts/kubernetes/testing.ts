import { randomBytes } from 'node:crypto';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { composeEnvironment } from '../compose.ts';

/** What an operator's .env has after `npm run compose:env`. */
export function exampleEnvironment(): Record<string, string> {
  return Object.fromEntries(
    composeEnvironment(
      {},
      {
        password: () => randomBytes(24).toString('hex'),
        masterKey: () => randomBytes(32).toString('base64'),
        serviceKey: generateServiceKey,
      },
    ),
  );
}
