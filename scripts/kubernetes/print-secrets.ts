// npm run --silent kubernetes:secrets | kubectl apply -n signet -f -: prints the Secrets that deploy/kubernetes refers to,
// from .env and the environment.
import { readEnvironment } from '#kit/config/environment.ts';
import { explain } from '#kit/process/start-error.ts';
import { documentsOf } from './objects.ts';
import { kubernetesSecrets } from './secrets.ts';

try {
  console.log(documentsOf(kubernetesSecrets(readEnvironment())));
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
