import { existsSync } from 'node:fs';
import path from 'node:path';
import { runQuietly } from './command.mjs';
import { generateClients, root, services } from './setup.mjs';

/** Generates TypeScript from the protos, into `<folder>/gen/proto`. */
export async function generateProtos(folder: string): Promise<void> {
  await runQuietly('buf', ['generate', '-o', folder], { cwd: root });
}

/** Collects the protos' comments, for OpenAPI, into a file. */
export async function generateComments(file: string): Promise<void> {
  const script = path.join(root, 'scripts', 'comments.ts');
  if (existsSync(script)) await runQuietly(process.execPath, [script, file], { cwd: root });
}

/** Generates code, clients, docs and .env.example. */
async function generateAll(): Promise<void> {
  await generateProtos(root);
  // These import the definitions of the services, which import the generated protos.
  const [{ writeDocs }, { writeEnvExample }, { writeReasons }] = await Promise.all([
    import('./docs.ts'),
    import('./env-example.ts'),
    import('./reasons.ts'),
  ]);
  await Promise.all([
    generateComments(path.join(root, 'gen', 'comments.json')),
    writeReasons(path.join(root, 'gen', 'reasons.json')),
    generateClients(services()),
  ]);
  await writeDocs();
  await writeEnvExample();
}

if (import.meta.main) await generateAll();
