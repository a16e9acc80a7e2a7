// Sets up the tree: installs the packages and the pinned Node, generates Prisma's
// clients. Performs only missing steps; on a complete tree it reads a few files.
// Plain JavaScript for Node 18 without packages, because it runs before any is
// installed.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CommandError, runQuietly } from './command.mjs';
import { withSetupLock } from './setup-lock.mjs';

const windows = process.platform === 'win32';

/** Folder of the project. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** The pinned Node, an npm package. */
export const pinnedNode = path.join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node');

/** Sets up what is missing. A concurrent set-up waits for the first. */
export async function setup() {
  const began = Date.now();
  if (missing().length === 0) return;
  await withSetupLock(
    path.join(root, '.data', 'setup.lock'),
    async () => {
      // Checked again: another process may have done it meanwhile.
      for (const step of missing()) {
        say(`${step.title} ...`);
        await step.run();
      }
    },
    () => say('waiting for another set-up of this folder ...'),
  );
  say(`ready after ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

function missing() {
  const steps = [];
  if (readText(installStamp()) !== installWanted()) steps.push({ title: 'installing packages', run: install });
  const stale = services().filter((service) => readText(clientStamp(service)) !== clientWanted(service));
  if (steps.length > 0 || stale.length > 0) {
    steps.push({ title: 'generating database clients', run: () => generateClients(services()) });
  }
  return steps;
}

function say(text) {
  // Standard output is for the output of the command.
  process.stderr.write(`signet: ${text}\n`);
}

// --- packages

const installRecord = () => path.join(root, 'node_modules', '.package-lock.json');
const installStamp = () => path.join(root, 'node_modules', '.signet-installed');

/** The stamp of a current installation: lock file and platform. */
function installWanted() {
  return hash(readText(path.join(root, 'package-lock.json')), process.platform, process.arch);
}

async function install() {
  try {
    // Keeps an installation that the developer has just made with npm.
    if (!installedByHand()) {
      fs.rmSync(installStamp(), { force: true });
      // An interrupted installation leaves no npm record and may be incomplete.
      if (!fs.existsSync(installRecord())) fs.rmSync(path.join(root, 'node_modules'), { recursive: true, force: true });
      await reachRegistry();
      await installPackages();
    }
    if (!(await answers(pinnedNode))) await finishNode();
  } catch (error) {
    throw explainInstall(error);
  }
  fs.writeFileSync(installStamp(), installWanted());
}

/**
 * Installs the packages of the lock file without changing it or package.json. Not
 * `npm ci`, because npm 11 rejects a lock file without the packages of other
 * platforms, which a registry may lack. Without install scripts: finishNode() runs
 * the only required one, and npm 10, which does not support allowScripts, would run
 * Prisma's, which fails on Node 18.
 */
async function installPackages() {
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
  await npm(args);
  // Windows cannot replace a running program.
  if (windows || Number.parseInt(process.versions.node, 10) >= 22) return;
  // On an older Node, npm skips optional packages that require a newer one, such as native parts of vitest and oxlint.
  // Installing with the pinned Node adds them, but removes the pinned Node itself, which is not in npm's records.
  await finishNode();
  await npm(args, path.dirname(pinnedNode));
}

/** Runs the install script of the package `node`, which installs the actual program, and links it into .bin. */
async function finishNode() {
  await runQuietly(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: path.join(root, 'node_modules', 'node'),
  });
  await npm(['rebuild', 'node', '--ignore-scripts']);
  if (await answers(pinnedNode)) return;
  throw new CommandError(`Node ${process.platform}-${process.arch} was installed but does not run: ${pinnedNode}`, '');
}

/** Runs npm, quiet unless it fails, with `first` first on PATH. On Windows npm is a script, which needs a shell. */
function npm(args, first = '') {
  const PATH = [first, process.env.PATH].filter(Boolean).join(path.delimiter);
  return runQuietly('npm', [...args, '--loglevel=error'], { cwd: root, shell: windows, env: { ...process.env, PATH } });
}

/** Checks the registry with one package first: offline, npm would retry all packages for minutes. */
async function reachRegistry() {
  const { node } = JSON.parse(readText(path.join(root, 'package.json'))).dependencies;
  const timeouts = ['--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=3000'];
  try {
    await npm(['view', `node@${node}`, 'version', '--prefer-offline', ...timeouts]);
  } catch (error) {
    // Other errors are left to the installation.
    if (isOffline(error) || isDistrusted(error)) throw error;
  }
}

function isOffline(error) {
  return /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ECONNRESET|ENOTCACHED/.test(error.output || '');
}

/** Whether npm does not trust the registry's certificate: a proxy of the network may have replaced it. */
function isDistrusted(error) {
  return /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_HAS_EXPIRED|CERT_UNTRUSTED|ERR_TLS_CERT/.test(
    error.output || '',
  );
}

/** Whether npm's record of the installation is newer than the lock file and the pinned Node exists. */
function installedByHand() {
  const record = fs.statSync(installRecord(), { throwIfNoEntry: false });
  const wanted = fs.statSync(path.join(root, 'package-lock.json'));
  return record !== undefined && record.mtimeMs >= wanted.mtimeMs && fs.existsSync(pinnedNode);
}

async function answers(program) {
  try {
    await runQuietly(program, ['--version']);
    return true;
  } catch {
    return false;
  }
}

function explainInstall(error) {
  const reason = isDistrusted(error)
    ? "The package registry's certificate is not trusted. A proxy of this network may present its own: set NODE_EXTRA_CA_CERTS " +
      "to a PEM file with the certificate of the proxy's authority. Or the clock of this machine is wrong."
    : isOffline(error)
      ? 'The package registry is unreachable. Only the first start needs it.'
      : 'npm failed to install the packages.';
  return new CommandError(`${reason} (${error.message})`, error.output || '');
}

// --- database clients

/** Services with a database: the folders of prisma/. */
export function services() {
  return fs.readdirSync(path.join(root, 'prisma')).filter((name) => fs.existsSync(schemaOf(name)));
}

const schemaOf = (service) => path.join(root, 'prisma', service, 'schema.prisma');
const clientStamp = (service) => path.join(root, 'gen', 'prisma', service, '.stamp');

function clientWanted(service) {
  return hash(readText(schemaOf(service)), prismaVersion());
}

function prismaVersion() {
  const manifest = JSON.parse(readText(path.join(root, 'package.json')));
  return manifest.devDependencies.prisma;
}

/** Generates the Prisma clients of services in parallel. */
export async function generateClients(names) {
  const cli = path.join(root, 'node_modules', 'prisma', 'build', 'index.js');
  await Promise.all(
    names.map(async (service) => {
      const wanted = clientWanted(service);
      fs.rmSync(clientStamp(service), { force: true });
      await runQuietly(pinnedNode, [cli, 'generate', '--schema', schemaOf(service)], {
        cwd: root,
        env: {
          ...process.env,
          // `prisma generate` needs no engine but would download one. Any existing
          // program prevents that, unless it succeeds on every argument.
          PRISMA_SCHEMA_ENGINE_BINARY: pinnedNode,
          PRISMA_HIDE_UPDATE_MESSAGE: '1',
          CHECKPOINT_DISABLE: '1',
        },
      });
      fs.writeFileSync(clientStamp(service), wanted);
    }),
  );
}

// --- shared

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function hash(...parts) {
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

/** Prints the error of a failed step with its program's output, and exits. */
export function fail(error) {
  const output = error instanceof CommandError ? error.output.trimEnd() : '';
  if (output) process.stderr.write(`${output}\n\n`);
  say(error instanceof CommandError ? error.message : String(error.stack || error));
  process.exit(1);
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) {
  process.on('SIGTERM', () => process.exit(143));
  process.on('SIGINT', () => process.exit(130));
  setup().catch(fail);
}
