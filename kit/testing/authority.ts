import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findProgram } from './programs.ts';

/** Creates the certificates. */
export const openssl = findProgram('openssl');

/** A certificate authority that no program trusts. */
export interface Authority {
  /** The file of its certificate, and the PEM text. */
  readonly file: string;
  readonly pem: string;
  /**
   * Issues a certificate, valid for 2 days. Returns the files of the certificate and of its key.
   * @param names as in `DNS:localhost,IP:127.0.0.1`
   */
  issue(names: string): { readonly cert: string; readonly key: string };
  /** Path of a file in its folder. */
  path(name: string): string;
  /** Removes its folder. */
  remove(): void;
}

const newKey = '-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1';

/** Runs openssl with arguments without spaces. */
export function runOpenssl(line: string): void {
  execFileSync(openssl.path!, line.split(' '), { stdio: 'ignore' });
}

/** Creates a certificate authority in a temporary folder. */
export function createAuthority(): Authority {
  const folder = mkdtempSync(path.join(tmpdir(), 'signet-authority-'));
  const at = (name: string) => path.join(folder, name);
  const [ca, caKey, request, extension] = [at('ca.pem'), at('ca.key'), at('request.pem'), at('extension')];
  runOpenssl(`req -x509 ${newKey} -days 2 -subj /CN=authority -keyout ${caKey} -out ${ca}`);
  let issued = 0;
  return {
    file: ca,
    pem: readFileSync(ca, 'utf8'),
    issue(names) {
      issued += 1;
      const [cert, key] = [at(`cert-${issued}.pem`), at(`key-${issued}.pem`)];
      runOpenssl(`req ${newKey} -subj /CN=server -keyout ${key} -out ${request}`);
      writeFileSync(extension, `subjectAltName=${names}`);
      const signed = `-CA ${ca} -CAkey ${caKey} -CAcreateserial -days 2 -extfile ${extension}`;
      runOpenssl(`x509 -req -in ${request} ${signed} -out ${cert}`);
      return { cert, key };
    },
    path: at,
    remove: () => rmSync(folder, { recursive: true }),
  };
}
