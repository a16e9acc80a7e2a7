import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readEnvFile } from './env-file.ts';
import { withoutServiceLinks } from './environment.ts';

let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'signet-env-'))));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string | Buffer): Record<string, string | undefined> | undefined {
  const file = path.join(folder, '.env');
  writeFileSync(file, text);
  return readEnvFile(file);
}

describe('.env', () => {
  test('a missing file has no variables', () => {
    expect(readEnvFile(path.join(folder, 'missing'))).toBeUndefined();
  });

  test.each([
    ['A=b', { A: 'b' }],
    ['A=b # comment\n# C=d#e\n', { A: 'b' }],
    ['A=b #comment', { A: 'b' }],
    ['A= # comment', { A: '' }],
    ['A=#', { A: '' }],
    ['A="b#c"', { A: 'b#c' }],
    ["A='b#c' # comment", { A: 'b#c' }],
    ['export A=`b#c`', { A: 'b#c' }],
    ["A=it's", { A: "it's" }],
    ['A="b\nc#d"\nE=f', { A: 'b\nc#d', E: 'f' }],
    ['\uFEFFA=b', { A: 'b' }],
    ['A=b\r\nC=d\r\n', { A: 'b', C: 'd' }],
  ])('reads %j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  const comment = 'a # in a value begins a comment: write the value in quotation marks';
  test.each([
    ['A=x\nSIGNET_ADMIN_PASSWORD=correcthorse#battery9', `line 2, SIGNET_ADMIN_PASSWORD: ${comment}`],
    ['A=#battery9', `line 1, A: ${comment}`],
    ['A=b# comment', `line 1, A: ${comment}`],
    ['A="correct" battery', 'line 1, A: text after the closing quotation mark is ignored'],
    ['A="correct"battery', 'line 1, A: text after the closing quotation mark is ignored'],
    ['A="correct\nB=c', 'line 1, A: its quotation mark is not closed'],
    ['A="correct\nB="c"', 'line 1, A: its quotation mark is not closed'],
  ])('refuses %j, of which Node would leave out a part', (text, problem) => {
    expect(() => read(text)).toThrow(`${path.join(folder, '.env')}:\n  ${problem}`);
    expect(() => read(text)).not.toThrow(/correct|battery/);
  });

  test('refuses a file that is not UTF-8 text, and a folder', () => {
    expect(() => read(Buffer.from('A=b', 'utf16le'))).toThrow('.env must be UTF-8 text');
    mkdirSync(path.join(folder, 'folder'));
    expect(() => readEnvFile(path.join(folder, 'folder'))).toThrow(/folder cannot be read: EISDIR/);
  });
});

describe('service links of Kubernetes', () => {
  const ofEdge = {
    SIGNET_EDGE_SERVICE_HOST: '10.96.14.7',
    SIGNET_EDGE_SERVICE_PORT: '8080',
    SIGNET_EDGE_SERVICE_PORT_HTTP: '8080',
    SIGNET_EDGE_PORT: 'tcp://10.96.14.7:8080',
    SIGNET_EDGE_PORT_8080_TCP: 'tcp://10.96.14.7:8080',
    SIGNET_EDGE_PORT_8080_TCP_PROTO: 'tcp',
    SIGNET_EDGE_PORT_8080_TCP_PORT: '8080',
    SIGNET_EDGE_PORT_8080_TCP_ADDR: '10.96.14.7',
  };

  test('are left out with everything that belongs to them, and named', () => {
    const given = { ...ofEdge, KUBERNETES_PORT: 'tcp://10.96.0.1:443', SIGNET_EDGE_PORTS: 'x', SIGNET_ALG: 'ES256' };
    expect(withoutServiceLinks(given)).toEqual({
      kept: { SIGNET_EDGE_PORTS: 'x', SIGNET_ALG: 'ES256' },
      links: ['SIGNET_EDGE_PORT'],
    });
  });

  test('of every port key are recognized', () => {
    const { links, kept } = withoutServiceLinks({
      SIGNET_METRICS_PORT: 'tcp://10.96.14.8:9464',
      SIGNET_AUTH_GRPC_PORT: 'udp://[fd00::1]:9081',
      SIGNET_CART_PORT: '8085',
    });
    expect([links, kept]).toEqual([['SIGNET_METRICS_PORT', 'SIGNET_AUTH_GRPC_PORT'], { SIGNET_CART_PORT: '8085' }]);
  });

  test('a port that the operator set is kept', () => {
    const given = { ...ofEdge, SIGNET_EDGE_PORT: '8080' };
    expect(withoutServiceLinks(given)).toEqual({ kept: given, links: [] });
  });
});
