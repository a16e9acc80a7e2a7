import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EchoRequestSchema, EchoResponseSchema } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { refusalReasonOf } from '#kit/guard/error.ts';
import { fromStatus } from '#kit/guard/grpc-metadata.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { type JwksServer, startJwksServer } from '#kit/testing/jwks-server.ts';
import { buildPackages, pack } from '../../scripts/packages/build.ts';
import { oldestPeers } from '../../scripts/packages/manifest.ts';
import { ask, openSystem, type System } from '../system.ts';
import { createProject, follow, type Project, readmeOf } from './project.ts';
import { outputOf } from './readme.ts';

/** Needs the npm registry: `npm run packages:try` runs this with TEST_PACKAGES=1. */
const runs = process.env['TEST_PACKAGES'] === '1';

/** The oldest Node that the packages support. */
const oldestNode = '22.0.0';

describe.runIf(runs)('a project that follows the READMEs of the packages', () => {
  const greeter = generateServiceKey();
  let folder: string;
  let projects: Record<'newest' | 'oldest', Project>;
  let nodes: Record<'22' | '24', string>;
  let jwks: JwksServer;
  let system: System;
  let issuer: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'signet-packages-'));
    jwks = await startJwksServer(() => undefined);
    issuer = new URL(jwks.url).origin;
    [system] = await Promise.all([
      openSystem({ env: { SIGNET_ISSUER: issuer, SIGNET_SERVICES: `greeter=${greeter.publicKey}` } }),
      install(),
    ]);
    system.secret(greeter.key.reveal());
    const keys = await ask(`${system.auth}/.well-known/jwks.json`, 'GET');
    jwks.answer = () => keys.text;
  }, 600_000);
  afterAll(async () => {
    await Promise.all(Object.values(projects).map((project) => project.close()));
    await system.close();
    await jwks.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function install(): Promise<void> {
    const built = await buildPackages((name) => path.join(folder, 'build', name));
    const tarballs = await Promise.all(built.map((one) => pack(one, folder)));
    for (const { file, packed, unpacked } of tarballs) {
      console.log(`${path.basename(file)}: ${packed} bytes, ${unpacked} unpacked`);
    }
    const followed = async (name: string) => {
      const project = await createProject(path.join(folder, name), tarballs);
      await follow(project, 'guard');
      await follow(project, 'client');
      return project;
    };
    const [newest, oldest, node22] = await Promise.all([
      followed('newest'),
      followed('oldest'),
      installNode(oldestNode),
    ]);
    const peers = Object.entries(oldestPeers).map(([name, version]) => `${name}@${version}`);
    await oldest.run(`npm install ${peers.join(' ')}`);
    projects = { newest, oldest };
    nodes = { '22': node22, '24': process.execPath };
    for (const node of Object.values(nodes)) console.log(`Node ${await newest.run(`${node} --version`)}`);
  }

  /** Installs a version of Node and returns the program. */
  async function installNode(version: string): Promise<string> {
    const project = await createProject(path.join(folder, 'node'), []);
    // Like scripts/setup.mjs: the install script of the package `node` installs the program.
    await project.run(`npm install --ignore-scripts node@${version}`);
    await project.run('cd node_modules/node && node installArchSpecificPackage.js');
    return path.join(project.folder, 'node_modules', 'node', 'bin', 'node');
  }

  test.each(['newest', 'oldest'] as const)(
    'passes the type checker, the libraries too, with the %s peers',
    async (age) => {
      expect(await projects[age].run('npx tsc')).toBe('');
    },
  );

  describe.each([
    ['newest', '22'],
    ['newest', '24'],
    ['oldest', '22'],
  ] as const)('with the %s peers on Node %s', (age, node) => {
    test.each(Object.keys(examples) as (keyof typeof examples)[])(
      'the %s example admits good tokens and refuses bad ones',
      async (name) => {
        const { args, call } = examples[name];
        const env = {
          ISSUER: issuer,
          AUTH_URL: `http://127.0.0.1:${system.authGrpcPort}`,
          SERVICE_KEY: greeter.key.reveal(),
          PORT: '0',
        };
        const url = await projects[age].serve(nodes[node], args, env);
        const outcome = (method: Method, token?: string) => call(url, method, token);
        const [ana, root] = [await system.person(), await system.staff('admin')];
        // Until it has loaded the keys and the revocations, the guard refuses all tokens.
        await expect.poll(() => outcome('Private', ana.access)).toContain(ana.id);
        expect(await outcome('AdminOnly', root.access)).toMatch(/hello/i);
        expect(await outcome('AdminOnly', ana.access)).toBe('INSUFFICIENT_SCOPE');
        expect(await outcome('Private', `${ana.access}x`)).toBe('INVALID_TOKEN');
        expect(await outcome('Private')).toBe('TOKEN_REQUIRED');
        await system.rest('POST', '/auth/logout', { body: { refresh_token: ana.refresh } });
        await expect.poll(() => outcome('Private', ana.access)).toBe('INVALID_TOKEN');
      },
    );

    test.each(['src/client.ts', 'src/validate.ts'])('%s prints what the README says', async (file) => {
      const email = `p${randomBytes(6).toString('hex')}@example.com`;
      const compiled = file.replace(/^src\/(.*)\.ts$/, 'dist/$1.js');
      const printed = await projects[age].run(`${nodes[node]} ${compiled} ${system.edge} ${email}`);
      expect(printed).toBe(outputOf(await readmeOf('client'), file));
      expect(printed).not.toBe('');
    });

    test('src/users.ts calls the user service with the token of the service', async () => {
      const { access, id } = await system.person();
      const args = script(`
        import { createServiceGuard } from '@signet/guard';
        import { createUsers } from './dist/users.js';
        const [authUrl, userUrl, issuer, key, token] = process.argv.slice(1);
        const guard = createServiceGuard({ name: 'greeter', key, authUrl, issuer, audience: 'signet', algorithms: ['RS256'] });
        const users = createUsers(guard, userUrl);
        console.log((await users.getProfile({}, { headers: { authorization: 'Bearer ' + token } })).id);
        process.exit();`);
      const urls = [`http://127.0.0.1:${system.authGrpcPort}`, `http://127.0.0.1:${system.userPort}`, issuer];
      const given = [...urls, greeter.key.reveal(), access];
      expect(await projects[age].serve(nodes[node], [...args, ...given], {})).toBe(id);
    });
  });
});

type Method = 'Private' | 'AdminOnly';

/** An example of the README of the guard. */
interface Example {
  /** Arguments of Node that serve it and print its address. */
  readonly args: readonly string[];
  /** Calls a method. Returns what it answers, or the reason of the refusal. */
  call(url: string, method: Method, token: string | undefined): Promise<string>;
}

/** The arguments of the examples' functions. */
const options = ['ISSUER', 'AUTH_URL', 'SERVICE_KEY'].map((name) => `process.env.${name}`).join();

const examples: Record<'fastify' | 'connect' | 'grpc', Example> = {
  fastify: {
    args: ['dist/main.js'],
    async call(url, method, token) {
      const { status, text, json } = await ask(`${url}/${method === 'Private' ? 'me' : 'admin'}`, 'GET', { token });
      return status === 200 ? text : json.code;
    },
  },
  connect: {
    args: script(`
      import { connectServer } from './dist/connect.js';
      const app = await connectServer(${options});
      console.log(await app.listen());`),
    async call(url, method, token) {
      const { status, json } = await ask(`${url}/acme.echo.v1.EchoService/${method}`, 'POST', { body: {}, token });
      return status === 200 ? json.text : json.details[0].debug.reason;
    },
  },
  grpc: {
    args: script(`
      import { ServerCredentials } from '@grpc/grpc-js';
      import { grpcServer } from './dist/grpc.js';
      const { server } = grpcServer(${options});
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => console.log('127.0.0.1:' + port));`),
    call(url, method, token) {
      const client = new Client(url, credentials.createInsecure());
      const metadata = new Metadata();
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
      return new Promise((resolve) => {
        client.makeUnaryRequest(
          `/acme.echo.v1.EchoService/${method}`,
          () => Buffer.from(toBinary(EchoRequestSchema, create(EchoRequestSchema))),
          (bytes) => fromBinary(EchoResponseSchema, bytes).text,
          undefined,
          metadata,
          (error: ServiceError | null, text) => {
            client.close();
            resolve(error ? (refusalReasonOf(fromStatus(error)) ?? error.message) : (text ?? ''));
          },
        );
      });
    },
  },
};

/** The arguments with which Node runs a module. */
function script(text: string): string[] {
  return ['--input-type=module', '-e', text];
}
