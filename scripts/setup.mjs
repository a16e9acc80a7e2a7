// Brings the tree to where it can run: packages installed, a Node of ours there,
// Prisma's clients generated. Does what is missing and nothing else; on a tree
// that has all it reads a few files. Plain JavaScript that Node 18 understands,
// with no package: it runs before any is installed.
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

/** Sets up what is missing. Two at once are fine: the second waits. */
export async function setup() {
  const began = Date.now();
  if (missing().length === 0) return;
  await withSetupLock(
    path.join(root, '.data', 'setup.lock'),
    async () => {
      // Asked again: another may have done it while we waited.
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
  // Not to standard output: that is for what was asked for.
  process.stderr.write(`signet: ${text}\n`);
}

// --- packages

const installRecord = () => path.join(root, 'node_modules', '.package-lock.json');
const installStamp = () => path.join(root, 'node_modules', '.signet-installed');

/** What the stamp of an install that still holds says: packages are for one platform. */
function installWanted() {
  return hash(readText(path.join(root, 'package-lock.json')), process.platform, process.arch);
}

async function install() {
  try {
    // A tree that an npm of the developer's own has just filled is good as it is.
    if (!installedByHand()) {
      fs.rmSync(installStamp(), { force: true });
      // An install that was interrupted leaves no record of npm's; nothing in it can be trusted.
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
 * Installs what the lock file says and writes neither it nor package.json. Not
 * `npm ci`: npm 11 refuses a lock file without the packages of other platforms,
 * and a registry need not have those of all platforms. And without install
 * scripts: the one that matters is run by finishNode(), and npm 10, which does
 * not know allowScripts, would run Prisma's, which refuses Node 18.
 */
async function installPackages() {
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
  await npm(args);
  // Windows lets nobody replace a program that runs.
  if (windows || Number.parseInt(process.versions.node, 10) >= 22) return;
  // On an older Node, npm leaves out optional packages that want a newer one, native parts of vitest and oxlint
  // among them. On ours it brings them; and takes ours away again, which is not in its records.
  await finishNode();
  await npm(args, path.dirname(pinnedNode));
}

/** Runs the install script of the package `node`, which is a shell without a kernel before that, and links it into .bin. */
async function finishNode() {
  await runQuietly(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: path.join(root, 'node_modules', 'node'),
  });
  await npm(['rebuild', 'node', '--ignore-scripts']);
  if (await answers(pinnedNode)) return;
  throw new CommandError(`Node ${process.platform}-${process.arch} was installed but does not run: ${pinnedNode}`, '');
}

/** npm, quiet unless it fails; `first` comes first on its path. It is a script on Windows, and scripts need a shell there. */
function npm(args, first = '') {
  const PATH = [first, process.env.PATH].filter(Boolean).join(path.delimiter);
  return runQuietly('npm', [...args, '--loglevel=error'], { cwd: root, shell: windows, env: { ...process.env, PATH } });
}

/** Asks for one package first: npm tries all of them, for minutes, before it says that it is offline. */
async function reachRegistry() {
  const { node } = JSON.parse(readText(path.join(root, 'package.json'))).dependencies;
  const patience = ['--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=3000'];
  try {
    await npm(['view', `node@${node}`, 'version', '--prefer-offline', ...patience]);
  } catch (error) {
    // Anything else is for the install to find out.
    if (isOffline(error)) throw error;
  }
}

function isOffline(error) {
  return /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ECONNRESET|ENOTCACHED/.test(error.output || '');
}

/** npm's own record of what it installed is newer than the lock file, and our Node is there. */
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
  const reason = isOffline(error)
    ? 'The package registry cannot be reached. The first start needs it; later ones do not.'
    : 'npm could not install the packages.';
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

/** Generates the Prisma clients of some services, side by side. */
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
          // Generating needs no engine, but looks for one, on a download host where
          // nothing is found. Any program will do, as long as it isn't one that
          // answers "fine" to everything.
          PRISMA_SCHEMA_ENGINE_BINARY: pinnedNode,
          PRISMA_HIDE_UPDATE_MESSAGE: '1',
          CHECKPOINT_DISABLE: '1',
        },
      });
      fs.writeFileSync(clientStamp(service), wanted);
    }),
  );
}

// --- what both use

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

/** Ends the process with a failed step's message, what its program said included. */
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
