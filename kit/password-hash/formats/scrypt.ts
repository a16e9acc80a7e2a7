import { type BinaryLike, createCipheriv, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { bytesOf, excessOf, type HashFault, type HashFormat, minimum } from '../format.ts';

/**
 * Upper limits of scrypt (RFC 7914): memory, which is 128 * N * r bytes, and N * r * p. A check at the limit takes about a
 * second of one core.
 */
const maximum = { memory: 128 * 2 ** 20, work: 2 ** 21 };

/** Parameters of scrypt. `ln` is the binary logarithm of N. */
interface Parameters {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** The parts of a PHC string: identifier, parameters, salt and output. */
const whole =
  /^\$(scrypt|firebase-scrypt)\$ln=([1-9]\d?),r=([1-9]\d{0,6}),p=([1-9]\d{0,6})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

const derive = promisify<BinaryLike, BinaryLike, number, ScryptOptions, Buffer>(scrypt);

/** scrypt as a PHC string; `ln` is the binary logarithm of N. */
export const scryptFormat: HashFormat = {
  name: 'scrypt',
  claims: /^\$scrypt\$/,
  read: (hash) =>
    readParts(
      hash,
      (parameters, salt, output) => async (password) =>
        timingSafeEqual(await keyOf(password, salt, output.length, parameters), output),
    ),
};

/**
 * Firebase's scrypt. Firebase derives an AES-256 key with scrypt and keeps the project's signer key encrypted with it in
 * CTR mode. The hash here is that ciphertext XOR the signer key: the keystream, which depends on the password alone. So
 * the signer key, which also protects the hashes that remain at Firebase, is neither sent to Signet nor stored. The salt
 * is the account's salt followed by the project's salt separator.
 */
export const firebaseFormat: HashFormat = {
  name: "Firebase's scrypt",
  claims: /^\$firebase-scrypt\$/,
  read: (hash) =>
    readParts(hash, (parameters, salt, output) => async (password) => {
      const key = await keyOf(password, salt, 32, parameters);
      const keystream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(output.length));
      return timingSafeEqual(keystream, output);
    }),
};

function readParts(
  hash: string,
  verifierOf: (parameters: Parameters, salt: Buffer, output: Buffer) => (password: string) => Promise<boolean>,
) {
  const [, , logarithm, blocks, lanes, saltText = '', outputText = ''] = whole.exec(hash) ?? [];
  const [salt, output] = [bytesOf(saltText, minimum.salt), bytesOf(outputText, minimum.hash)];
  if (!salt || !output) return undefined;
  const parameters = { ln: Number(logarithm), r: Number(blocks), p: Number(lanes) };
  return { excess: excessOfScrypt(parameters), verify: verifierOf(parameters, salt, output) };
}

function excessOfScrypt({ ln, r, p }: Parameters): HashFault | undefined {
  const isWithin = memoryOf({ ln, r }) <= maximum.memory && 2 ** ln * r * p <= maximum.work;
  return excessOf(isWithin, 'must have scrypt parameters of at most 128 MiB (128 * N * r) and N * r * p = 2097152');
}

function keyOf(password: string, salt: Buffer, length: number, { ln, r, p }: Parameters): Promise<Buffer> {
  // Node refuses parameters that need more than `maxmem`; the blocks of the lanes come on top of the main array.
  const maxmem = memoryOf({ ln, r }) + 128 * r * (p + 2);
  return derive(password, salt, length, { N: 2 ** ln, r, p, maxmem });
}

/** Memory of scrypt's main array, bytes. */
function memoryOf({ ln, r }: Pick<Parameters, 'ln' | 'r'>): number {
  return 128 * 2 ** ln * r;
}
