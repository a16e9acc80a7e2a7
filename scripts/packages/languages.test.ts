import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { type CodeGeneratorRequest, CodeGeneratorRequestSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../check/check.ts';
import { runQuietly } from '../command.mjs';
import { ownFiles } from '../contract.ts';
import { copyProtos } from './build.ts';
import { packages } from './definitions.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'signet-languages-'));
  // docs/clients.md unpacks the protos of @signet/client.
  for (const one of await packages()) if (one.name === 'client') await copyProtos(one, folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs buf with the buf.gen.yaml of docs/clients.md, and returns what it gives to each plugin, a request per directory. */
async function givenToPlugins(): Promise<Map<string, CodeGeneratorRequest[]>> {
  const doc = await readFile(path.join(root, 'docs/clients.md'), 'utf8');
  const [, template = ''] = /^`buf\.gen\.yaml`:\n\n```yaml\n([\s\S]*?)^```$/m.exec(doc) ?? [];
  await writeFile(path.join(folder, 'buf.gen.yaml'), template);
  const plugins = [...template.matchAll(/^ *- local: (\S+)$/gm)].map(([, plugin = '']) => plugin);
  for (const plugin of plugins) {
    const file = path.join(folder, plugin);
    // Keeps the request and responds with no file, and with support for proto3's optional fields.
    await writeFile(file, `#!/bin/sh\ncat >"$0.$$.request"\nprintf '\\020\\001'\n`);
    await chmod(file, 0o755);
  }
  const PATH = [folder, process.env['PATH']].join(path.delimiter);
  await runQuietly('buf', ['generate'], { cwd: folder, env: { ...process.env, PATH } });
  const kept = (await readdir(folder)).filter((name) => name.endsWith('.request'));
  const requests = await Promise.all(
    kept.map(async (name) => {
      const request = fromBinary(CodeGeneratorRequestSchema, await readFile(path.join(folder, name)));
      return { plugin: name.split('.')[0] ?? '', request };
    }),
  );
  return new Map(
    plugins.map((plugin) => [plugin, requests.filter((one) => one.plugin === plugin).map(({ request }) => request)]),
  );
}

test('the Go plugins get the contract with import paths in the project, and the protos of others with their own', async () => {
  const given = await givenToPlugins();
  expect([...given.keys()]).toEqual(['protoc-gen-go', 'protoc-gen-go-grpc']);
  const own = (await ownFiles()).map(({ name }) => `${name}.proto`).toSorted();
  for (const requests of given.values()) {
    expect(requests.flatMap(({ fileToGenerate }) => fileToGenerate).toSorted()).toEqual(own);
    const files = requests.flatMap(({ protoFile }) => protoFile);
    const paths = Object.fromEntries(files.map(({ name, options }) => [name, options?.goPackage]));
    expect(paths).toMatchObject({
      'signet/auth/v1/auth_service.proto': 'example.com/shop/gen/signet/auth/v1;authv1',
      'google/api/annotations.proto': 'google.golang.org/genproto/googleapis/api/annotations;annotations',
      'buf/validate/validate.proto': 'buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate',
      'google/protobuf/duration.proto': 'google.golang.org/protobuf/types/known/durationpb',
    });
    for (const name of own) expect(paths[name]).toMatch(/^example\.com\/shop\/gen\/signet\/[a-z]+\/v1;[a-z]+v1$/);
  }
});
