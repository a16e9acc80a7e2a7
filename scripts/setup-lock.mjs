// Lock for the set-up. Plain JavaScript, because it runs before the pinned Node is installed.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Interval at which the holder touches the lock, ms. */
const beat = 1_000;
/** Time without a touch after which the holder counts as dead, ms. Long enough for a machine that sleeps or swaps. */
const silence = 15_000;

/**
 * Runs `work` under the lock. The lock is a file that its holder touches every
 * second. The lock of a dead holder is detected by its age, or immediately if its
 * process does not exist.
 * @param {string} file
 * @param {() => Promise<void>} work
 * @param {() => void} [waiting] called once if another holds the lock
 */
export async function withSetupLock(file, work, waiting = () => {}) {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 });
  const mine = `${process.pid} ${randomBytes(8).toString('hex')}`;
  for (let reported = false; !take(file, mine); reported = true) {
    if (!reported) waiting();
    clearDead(file);
    await delay(100);
  }
  const timer = setInterval(() => touch(file), beat);
  const release = () => remove(file, mine);
  process.on('exit', release);
  try {
    await work();
  } finally {
    clearInterval(timer);
    process.off('exit', release);
    release();
  }
}

/** Writes a temporary file and links it, so that no process reads a partial lock; link() fails if the lock exists. */
function take(file, mine) {
  const draft = `${file}.${mine.replace(' ', '.')}`;
  fs.writeFileSync(draft, mine, { flag: 'wx' });
  try {
    fs.linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.unlinkSync(draft);
  }
}

/**
 * Removes the lock of a dead holder. Of two processes that detect it concurrently,
 * the slower must not remove the lock that the faster has taken since. Therefore
 * the right to remove is a second link, named after the dead holder.
 */
function clearDead(file) {
  const found = inspect(file);
  if (!found || !found.dead) return;
  const right = `${file}.${found.text.replace(/[^0-9a-f]+/g, '.')}.dead`;
  try {
    fs.linkSync(file, right);
  } catch (error) {
    // The other process may have used and removed its right since.
    const held = error.code === 'EEXIST' && fs.statSync(right, { throwIfNoEntry: false });
    if (held && Date.now() - held.ctimeMs > silence) fs.rmSync(right, { force: true });
    return;
  }
  if (fs.readFileSync(right, 'utf8') === found.text) fs.rmSync(file, { force: true });
  fs.rmSync(right, { force: true });
}

function inspect(file) {
  try {
    const text = fs.readFileSync(file, 'utf8');
    const pid = Number.parseInt(text, 10);
    return { text, dead: !lives(pid) || Date.now() - fs.statSync(file).mtimeMs > silence };
  } catch {
    return undefined;
  }
}

function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function touch(file) {
  try {
    fs.lutimesSync(file, new Date(), new Date());
  } catch {
    // The folder was removed; the next set-up creates it.
  }
}

function remove(file, mine) {
  try {
    if (fs.readFileSync(file, 'utf8') === mine) fs.rmSync(file, { force: true });
  } catch {
    // Already removed.
  }
}
