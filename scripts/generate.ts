import { existsSync } from 'node:fs';
import path from 'node:path';
import { runQuietly } from './command.mjs';
import { writeDocs } from './docs.ts';
import { writeEnvExample } from './env-example.ts';
import { writeReasons } from './reasons.ts';
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
  await Promise.all([
    generateComments(path.join(root, 'gen', 'comments.json')),
    writeReasons(path.join(root, 'gen', 'reasons.json')),
    generateClients(services()),
  ]);
  await writeDocs();
  await writeEnvExample();
}

if (import.meta.main) await generateAll();
