// Each object of deploy/kubernetes against the schemas of the Kubernetes API (kubernetes-models). Its validators know
// types, formats and required keys; its TypeScript types refuse unknown keys.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findProgram, isLeftOut, leftOut, titleWith } from '#kit/testing/programs.ts';
import { root } from '../check/check.ts';
import { kubernetesMigrate, kubernetesRoles, kubernetesScaling, kubernetesServices, type Manifest } from './objects.ts';
import { kubernetesSecrets } from './secrets.ts';
import { exampleEnvironment } from './testing.ts';

const run = promisify(execFile);

/** Lists what the API's schemas find wrong with objects. */
async function faultsOf(manifests: readonly Manifest[]): Promise<string[]> {
  const faults: string[] = [];
  const lines: string[] = [];
  for (const [index, manifest] of manifests.entries()) {
    const { apiVersion, kind } = manifest;
    const from = `kubernetes-models/${apiVersion}`;
    const models = (await import(from)) as Record<string, new (data: unknown) => { validate(): void }>;
    const Model = models[kind];
    if (!Model) throw new Error(`${apiVersion} has no ${kind}`);
    try {
      new Model(manifest).validate();
    } catch (error) {
      faults.push(`${kind} ${manifest.metadata.name}: ${String(error)}`);
    }
    lines.push(`import type { I${kind} as T${index} } from '${from}/${kind}';`);
    lines.push(`export const o${index}: T${index} = ${JSON.stringify(manifest)};`);
  }
  return [...faults, ...(await typeFaultsOf(lines.join('\n')))];
}

/** Lists what the TypeScript compiler finds wrong with a module that imports packages of this project. */
async function typeFaultsOf(module: string): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'signet-kubernetes-'));
  try {
    await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    await writeFile(path.join(folder, 'objects.mts'), module);
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--pretty', 'false'];
    const tsc = path.join(root, 'node_modules/.bin/tsc');
    return await run(tsc, [...flags, 'objects.mts'], { cwd: folder }).then(
      () => [],
      ({ stdout }: { stdout: string }) => stdout.trim().split('\n'),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A fault without its place. */
function messageOf(fault: string): string {
  return fault.replace(/^.*?: error /, '');
}

const [account] = kubernetesServices();

test('the generated objects and the Secrets fit the schemas', async () => {
  const secrets = kubernetesSecrets(exampleEnvironment());
  const objects = [
    ...kubernetesServices(),
    ...kubernetesRoles(),
    ...kubernetesMigrate(),
    ...kubernetesScaling(),
    ...secrets,
  ];
  expect(await faultsOf(objects)).toEqual([]);
});

test('an unknown key is refused, at any depth', async () => {
  const text = JSON.stringify(kubernetesServices());
  const wrong = JSON.parse(text.replace('"periodSeconds"', '"periodSecond"')) as Manifest[];
  expect((await faultsOf(wrong)).map(messageOf)).toEqual([
    `TS2353: Object literal may only specify known properties, and '"periodSecond"' does not exist in type 'IProbe'.`,
  ]);
});

test.each<[string, Partial<Manifest>, string]>([
  ['a missing key', { kind: 'Service', spec: { ports: [{}] } }, `Property '"port"' is missing`],
  [
    'a value of another type',
    { kind: 'Service', spec: { ports: [{ port: '80' }] } },
    "Type 'string' is not assignable to type 'number'",
  ],
])('%s is refused', async (_, changes, word) => {
  expect((await faultsOf([{ ...account!, ...changes }])).join('\n')).toContain(word);
});

const kubectl = findProgram('kubectl');

/** Kustomize before 4 (kubectl 1.20 and older) reads another format. Debian package: kubernetes-client, from Debian 13. */
const needed = 4;

function title(): string {
  const suite = 'deploy/kubernetes, rendered by kubectl kustomize';
  if (kubectl.path === undefined) return titleWith([kubectl], suite);
  const version = execFileSync(kubectl.path, ['version', '--client'], { encoding: 'utf8' });
  const [, major = '0'] = /Kustomize Version: v(\d+)/.exec(version) ?? [];
  return Number(major) < needed ? leftOut(suite, 'kubectl has no Kustomize 4 or newer') : suite;
}

const name = title();
// oxlint-disable-next-line vitest/valid-title, vitest/valid-describe-callback -- the title names what is missing
describe.skipIf(isLeftOut(name))(name, () => {
  async function rendered(folder: string): Promise<Manifest[]> {
    const { stdout } = await run(kubectl.path!, ['kustomize', path.join(root, 'deploy/kubernetes', folder)]);
    return parseAllDocuments(stdout).map((one) => one.toJS() as Manifest);
  }

  test.each(['single', 'ha', 'examples'])('%s fits the schemas', async (folder) => {
    const objects = await rendered(folder);
    expect(objects.length).toBeGreaterThan(2);
    expect(await faultsOf(objects)).toEqual([]);
  });

  test('the component migrate adds the Job and SIGNET_MIGRATE=off to an overlay', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'signet-overlay-'));
    try {
      const at = (of: string) => path.relative(folder, path.join(root, 'deploy/kubernetes', of));
      await writeFile(
        path.join(folder, 'kustomization.yaml'),
        `resources: ['${at('base')}']\ncomponents: ['${at('migrate')}']\n`,
      );
      const { stdout } = await run(kubectl.path!, ['kustomize', folder]);
      const objects = parseAllDocuments(stdout).map((one) => one.toJS() as Manifest);
      expect(await faultsOf(objects)).toEqual([]);
      expect(objects.filter(({ kind }) => kind === 'Job').map(({ metadata }) => metadata.name)).toEqual(['migrate']);
      const config = objects.find(({ kind }) => kind === 'ConfigMap');
      expect(config?.['data']).toMatchObject({ SIGNET_MIGRATE: 'off', SIGNET_DRAIN_DELAY: '5s' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
