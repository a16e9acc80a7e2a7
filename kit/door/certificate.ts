import { createHash, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Config } from '#kit/config/config.ts';
import { readNamedFile } from '#kit/config/secret-file.ts';
import { type processKeys, tlsKeys } from '#kit/config/shared-keys.ts';
import { AwayError } from '#kit/errors/away.ts';
import { PrivateKeyError, readPrivatePem } from '#kit/identity/private-pem.ts';
import type { Log } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import type { Closing } from '#kit/process/run.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { every, startWork } from '#kit/work/work.ts';

/** Thrown if the certificate or its key cannot be used. The message is a sentence for the operator. */
export class CertificateError extends AwayError {
  override readonly name = 'CertificateError';
}

/** The configuration of a door's TLS. */
export type TlsConfig = Pick<Config<typeof tlsKeys & typeof processKeys>, 'tlsCert' | 'tlsKey' | 'environment'>;

/** A certificate with its authorities and its private key, in PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: Secret;
  /** From when and until when all of its certificates are valid, in ms since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
  /** Differs between different pairs. */
  readonly fingerprint: string;
}

/** The certificate of a door. */
export interface Certificate {
  /** The pair in use. */
  pair(): KeyPair;
  /** Calls `use` with every pair that replaces the one in use. */
  onChange(use: (pair: KeyPair) => void): void;
}

/** Interval of reading the files, ms. Their contents are compared: Kubernetes and certbot replace symbolic links, which file system events miss. */
const readEvery = 10_000;

/** A certificate is due when this share of its lifetime is left. certbot and cert-manager renew it at a third. */
const dueShare = 0.1;

/**
 * Reads the pair of SIGNET_TLS_CERT and SIGNET_TLS_KEY. In production, warns on standard error about a key that all users
 * of the machine can read.
 * @returns undefined if neither is set
 * @throws CertificateError if the pair cannot be used, naming the key that corrects it
 */
export function readKeyPair({ tlsCert, tlsKey, environment }: TlsConfig): KeyPair | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  const [certEnv, keyEnv] = [tlsKeys.tlsCert.env, tlsKeys.tlsKey.env];
  if (tlsCert === undefined || tlsKey === undefined) {
    const [given, missing] = tlsKey === undefined ? [certEnv, keyEnv] : [keyEnv, certEnv];
    throw new CertificateError(`${given} is set without ${missing}. Set both, or neither.`);
  }
  const cert = textOf(certEnv, tlsCert, false);
  const chain = certificatesIn(cert, `${tlsCert} of ${certEnv}`);
  const key = privateKeyIn(textOf(keyEnv, tlsKey, environment === 'production'), `${tlsKey} of ${keyEnv}`);
  if (!chain[0].checkPrivateKey(key)) {
    throw new CertificateError(
      `the key in ${tlsKey} of ${keyEnv} does not belong to the first certificate in ${tlsCert} of ${certEnv}. ` +
        'Set both to files of one certificate; its own certificate must precede those of its authorities.',
    );
  }
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  try {
    createSecureContext({ cert, key: pem });
  } catch (error) {
    const { reason = String(error) } = error as { reason?: string };
    throw new CertificateError(`OpenSSL refuses the certificate in ${tlsCert} of ${certEnv}: ${reason}.`);
  }
  return {
    cert,
    key: new Secret(pem),
    validFrom: Math.max(...chain.map(({ validFromDate }) => validFromDate.getTime())),
    validTo: Math.min(...chain.map(({ validToDate }) => validToDate.getTime())),
    fingerprint: createHash('sha256').update(cert).update(pem).digest('base64'),
  };
}

function textOf(variable: string, file: string, warns: boolean): string {
  const found = readNamedFile(variable, file, warns);
  if ('problem' in found) throw new CertificateError(`${found.problem}.`);
  return found.text;
}

function certificatesIn(text: string, where: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^]*?(?:-----END CERTIFICATE-----|$)/g) ?? [];
  try {
    const [first, ...others] = blocks.map((block) => new X509Certificate(block));
    if (first) return [first, ...others];
  } catch {
    throw new CertificateError(`${where} has a certificate that is damaged or incomplete.`);
  }
  throw new CertificateError(`${where} has no certificate in PEM format (-----BEGIN CERTIFICATE-----).`);
}

function privateKeyIn(text: string, where: string) {
  try {
    return readPrivatePem(text);
  } catch (error) {
    if (error instanceof PrivateKeyError) throw new CertificateError(`${where} cannot be used. ${error.message}`);
    throw error;
  }
}

/**
 * Returns what is wrong with the validity of a pair.
 * @param now in ms since 1970
 */
export function validityFault({ validFrom, validTo }: KeyPair, now: number): string | undefined {
  if (now >= validTo) return `the certificate of ${tlsKeys.tlsCert.env} expired on ${day(validTo)}; replace it`;
  if (now < validFrom) return `the certificate of ${tlsKeys.tlsCert.env} is not valid before ${day(validFrom)}`;
  if (validTo - now >= dueShare * (validTo - validFrom)) return undefined;
  return `the certificate of ${tlsKeys.tlsCert.env} expires on ${day(validTo)}; renew it`;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/**
 * Opens the certificate of a door and follows its files. Files that cannot be used are reported once in the log, and the
 * pair in use stays.
 * @param options.period interval of reading the files, ms
 * @returns undefined if no certificate is configured
 * @throws CertificateError if the files cannot be used
 */
export function openCertificate(
  config: TlsConfig,
  options: {
    readonly log: Log;
    readonly metrics: Pick<ServiceMetrics, 'watch' | 'work'>;
    readonly closing: Pick<Closing, 'add'>;
    readonly period?: number;
  },
): Certificate | undefined {
  const { log, metrics, closing, period = readEvery } = options;
  const first = readKeyPair(config);
  if (!first) return undefined;
  let pair = first;
  const users = new Set<(pair: KeyPair) => void>();
  let fault: string | undefined;

  function checkValidity(): void {
    const found = validityFault(pair, Date.now());
    if (found !== undefined && found !== fault) log.warn(found);
    fault = found;
  }

  async function reload(): Promise<void> {
    checkValidity();
    const found = readKeyPair(config);
    if (!found || found.fingerprint === pair.fingerprint) return;
    pair = found;
    for (const use of users) use(pair);
    log.info({ expires: new Date(pair.validTo) }, 'the certificate was replaced');
    checkValidity();
  }

  checkValidity();
  metrics.watch('signet_tls_certificate_expiry_timestamp_seconds', () => pair.validTo / 1_000);
  const running = startWork([every('reload certificate', period, reload)], { log, metrics });
  closing.add(() => running.close());
  return { pair: () => pair, onChange: (use) => void users.add(use) };
}
