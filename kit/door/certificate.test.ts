import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createLog } from '#kit/log/log.ts';
import { explain } from '#kit/process/start-error.ts';
import { createMetrics } from '#kit/telemetry/metrics.ts';
import { type Authority, createAuthority, openssl, runOpenssl } from '#kit/testing/authority.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { openCertificate, readKeyPair, validityFault } from './certificate.ts';

const day = 86_400_000;

describe('the validity of a certificate', () => {
  const pair = { cert: '', fingerprint: '', validFrom: Date.UTC(2026, 0, 1), validTo: Date.UTC(2026, 3, 11) };
  const fault = (now: number) => validityFault({ ...pair, key: undefined as never }, now);

  test.each([
    ['before it begins', pair.validFrom - 1, 'is not valid before 2026-01-01'],
    ['at its begin', pair.validFrom, undefined],
    ['with a tenth of its 100 days left', pair.validTo - 10 * day, undefined],
    ['with less', pair.validTo - 10 * day + 1, 'expires on 2026-04-11; renew it'],
    ['at its last moment', pair.validTo - 1, 'expires on 2026-04-11; renew it'],
    ['at its end', pair.validTo, 'expired on 2026-04-11; replace it'],
  ])('%s', (_, now, found) => {
    expect(fault(now)).toBe(found && `the certificate of SIGNET_TLS_CERT ${found}`);
  });
});

describeWith([openssl], 'the files of a certificate', () => {
  let authority: Authority;
  beforeAll(() => (authority = createAuthority()));
  afterAll(() => authority.remove());

  const environment = 'development';
  const read = (tlsCert?: string, tlsKey?: string) => readKeyPair({ tlsCert, tlsKey, environment });
  /** What an operator reads of a pair that is refused. */
  function sentence(tlsCert?: string, tlsKey?: string): string {
    try {
      read(tlsCert, tlsKey);
    } catch (error) {
      return explain(error);
    }
    throw new Error('the pair was read');
  }
  function write(name: string, text: string): string {
    writeFileSync(authority.path(name), text);
    return authority.path(name);
  }

  test('both unset: no TLS', () => expect(read()).toBeUndefined());

  test.each([
    ['SIGNET_TLS_CERT', 'SIGNET_TLS_KEY', 'x', undefined],
    ['SIGNET_TLS_KEY', 'SIGNET_TLS_CERT', undefined, 'x'],
  ])('%s without %s is refused', (given, missing, cert, key) => {
    expect(sentence(cert, key)).toBe(`${given} is set without ${missing}. Set both, or neither.`);
  });

  test('a chain is valid as long as all of its certificates are', () => {
    const { cert, key } = authority.issue('DNS:localhost');
    const alone = read(cert, key);
    runOpenssl(
      `req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 1 -subj /CN=short -keyout ${authority.path('short.key')} -out ${authority.path('short.pem')}`,
    );
    const chain = write(
      'chain.pem',
      `${readFileSync(cert, 'utf8')}${readFileSync(authority.path('short.pem'), 'utf8')}`,
    );
    expect((alone?.validTo ?? 0) - (read(chain, key)?.validTo ?? 0)).toBeGreaterThan(0.9 * day);
    expect((read(chain, key)?.validTo ?? 0) - Date.now()).toBeGreaterThan(0.9 * day);
  });

  test.each<[string, (files: { cert: string; key: string }) => [string, string], string]>([
    [
      'a missing certificate',
      ({ key }) => ['/nowhere/cert.pem', key],
      '/nowhere/cert.pem of SIGNET_TLS_CERT cannot be read: ENOENT.',
    ],
    [
      'a missing key',
      ({ cert }) => [cert, '/nowhere/key.pem'],
      '/nowhere/key.pem of SIGNET_TLS_KEY cannot be read: ENOENT.',
    ],
    ['a folder', ({ key }) => ['/tmp', key], '/tmp of SIGNET_TLS_CERT is not a file.'],
    ['a key in place of the certificate', ({ key }) => [key, key], 'has no certificate in PEM format'],
    [
      'a certificate in place of the key',
      ({ cert }) => [cert, cert],
      'of SIGNET_TLS_KEY cannot be used. The file has a certificate, but no private key.',
    ],
    [
      'a half-written certificate',
      ({ cert, key }) => [write('half.pem', readFileSync(cert, 'utf8').slice(0, 300)), key],
      'has a certificate that is damaged or incomplete.',
    ],
    [
      'a half-written key',
      ({ cert, key }) => [cert, write('half.key', readFileSync(key, 'utf8').slice(0, 100))],
      'cannot be used. The private key is damaged.',
    ],
    [
      'the key of another certificate',
      ({ cert }) => [cert, authority.issue('DNS:other').key],
      'does not belong to the first certificate in',
    ],
  ])('%s is refused in a sentence', (_, files, text) => {
    const found = sentence(...files(authority.issue('DNS:localhost')));
    expect(found).toContain(text);
    expect(found.split('\n')).toHaveLength(1);
  });

  test('an encrypted key is refused with the command that decrypts it', () => {
    const { cert, key } = authority.issue('DNS:localhost');
    runOpenssl(`pkey -in ${key} -aes256 -passout pass:hunter2 -out ${authority.path('encrypted.key')}`);
    expect(sentence(cert, authority.path('encrypted.key'))).toMatch(/The private key is encrypted\. openssl pkey/);
  });

  test('a key of RSA with 1024 bits is refused by OpenSSL', () => {
    const [cert, key] = [authority.path('weak.pem'), authority.path('weak.key')];
    runOpenssl(`req -x509 -nodes -newkey rsa:1024 -days 2 -subj /CN=weak -keyout ${key} -out ${cert}`);
    expect(sentence(cert, key)).toBe(
      `OpenSSL refuses the certificate in ${cert} of SIGNET_TLS_CERT: ee key too small.`,
    );
  });

  test.each([
    ['production', 1],
    ['development', 0],
  ])('in %s, a key that all users can read is warned about', (mode, warnings) => {
    const { cert, key } = authority.issue('DNS:localhost');
    // Another path, because the warning is given once for each.
    const open = authority.path(`open-${mode}.key`);
    copyFileSync(key, open);
    chmodSync(open, 0o604);
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    onTestFinished(() => written.mockRestore());
    readKeyPair({ tlsCert: cert, tlsKey: open, environment: mode });
    expect(written.mock.calls.map(([text]) => text)).toEqual(
      Array.from(
        { length: warnings },
        () => `signet: SIGNET_TLS_KEY: all users of this machine can read ${open}; set its mode to 0400\n`,
      ),
    );
  });

  describe('followed', () => {
    const lines: Record<string, unknown>[] = [];
    const messages = () => lines.map(({ msg }) => msg);
    const log = createLog({
      level: 'info',
      format: 'json',
      destination: { write: (line) => void lines.push(JSON.parse(line)) },
    });

    /** Opens the certificate of a folder with a link ..data, as Kubernetes mounts secrets. */
    function openMounted(name: string) {
      lines.length = 0;
      const folder = authority.path(name);
      const [data, next] = [path.join(folder, '..data'), path.join(folder, '..data_tmp')];
      /** Exchanges both files at once. */
      function mount(version: string): void {
        const issued = authority.issue('DNS:localhost');
        mkdirSync(path.join(folder, version), { recursive: true });
        renameSync(issued.cert, path.join(folder, version, 'tls.crt'));
        renameSync(issued.key, path.join(folder, version, 'tls.key'));
        symlinkSync(version, next);
        renameSync(next, data);
      }
      mount('first');
      const [tlsCert, tlsKey] = [path.join(folder, 'tls.crt'), path.join(folder, 'tls.key')];
      symlinkSync('..data/tls.crt', tlsCert);
      symlinkSync('..data/tls.key', tlsKey);
      const metrics = createMetrics();
      const closers: (() => unknown)[] = [];
      onTestFinished(async () => {
        for (const close of closers) await close();
      });
      const certificate = openCertificate(
        { tlsCert, tlsKey, environment },
        { log, metrics: metrics.of('edge'), closing: { add: (close) => closers.push(close) }, period: 20 },
      );
      if (!certificate) throw new Error('no certificate');
      return { certificate, metrics, mount, tlsCert };
    }

    test('is replaced when Kubernetes exchanges the link of its folder, and its users are told once', async () => {
      const { certificate, mount, tlsCert } = openMounted('mounted');
      const first = certificate.pair();
      const used: string[] = [];
      certificate.onChange(({ cert }) => used.push(cert));
      mount('second');
      await expect.poll(() => used).toEqual([readFileSync(tlsCert, 'utf8').trimEnd()]);
      expect(certificate.pair().fingerprint).not.toBe(first.fingerprint);
      expect(messages()).toEqual(['the certificate was replaced']);
    });

    test('has its expiry in the metrics', async () => {
      const { certificate, metrics } = openMounted('measured');
      expect(await metrics.text()).toContain(
        `signet_tls_certificate_expiry_timestamp_seconds{service="edge"} ${certificate.pair().validTo / 1_000}\n`,
      );
    });

    test('is warned about once when it is due, once when it has expired, and again after the next', async () => {
      const now = vi.spyOn(Date, 'now');
      onTestFinished(() => now.mockRestore());
      const { certificate, mount } = openMounted('aging');
      const { validTo } = certificate.pair();
      now.mockReturnValue(validTo - 1_000);
      await expect.poll(messages).toEqual([expect.stringContaining('; renew it')]);
      now.mockReturnValue(validTo);
      await expect.poll(messages).toEqual([expect.stringContaining('renew'), expect.stringContaining('; replace it')]);
      now.mockReturnValue(validTo - day);
      mount('renewed');
      await expect.poll(messages).toContain('the certificate was replaced');
      now.mockReturnValue(certificate.pair().validTo);
      await expect.poll(() => messages().at(-1)).toContain('; replace it');
      expect(lines).toHaveLength(4);
    });

    test('is warned about at the start if it has expired', () => {
      const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3 * day);
      onTestFinished(() => now.mockRestore());
      openMounted('expired');
      expect(lines).toMatchObject([
        { level: 40, msg: expect.stringMatching(/^the certificate of .* expired on .*; replace it$/) },
      ]);
    });
  });
});
