import { Secret } from '#kit/log/secret.ts';
import { composeEnvironment } from './compose.ts';

/** What an operator's .env has after `npm run compose:env`. */
export function exampleEnvironment(): Record<string, string> {
  let made = 0;
  const make = () => `made${++made}`;
  return Object.fromEntries(
    composeEnvironment(
      {},
      {
        password: make,
        masterKey: make,
        serviceKey: () => ({ key: new Secret(make()), publicKey: make() }),
      },
    ),
  );
}
