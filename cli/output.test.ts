import { create } from '@bufbuild/protobuf';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { ListSessionsResponseSchema } from '#gen/proto/signet/auth/v1/session_service_pb.ts';
import { createOutput } from './output.ts';

function openOutput(isTerminal = false) {
  const stdout = Object.assign(new PassThrough(), { isTTY: isTerminal });
  let written = '';
  stdout.setEncoding('utf8').on('data', (chunk: string) => (written += chunk));
  const stream = stdout as unknown as NodeJS.WriteStream;
  return { output: createOutput(stream, stream), written: () => written };
}

test('aligns table columns and prints a dash for empty cells', () => {
  const { output, written } = openOutput();
  output.table(
    ['A', 'B', 'C'],
    [
      ['long one', '', 'x'],
      ['é', 'two', ''],
    ],
  );
  expect(written()).toBe('A         B    C\nlong one  -    x\né         two  -\n');
});

test('replaces control characters in untrusted text', () => {
  const { output, written } = openOutput();
  output.table(['\u001B[2J', 'B'], [['a\r\nb', '\u202Eevil\u009B2J']]);
  expect(written()).toBe('\uFFFD[2J  B\na\uFFFD\uFFFDb  \uFFFDevil\uFFFD2J\n');
});

test('escapes control characters in JSON without changing its value', () => {
  const { output, written } = openOutput();
  const value = { label: '\u001B[2J \u009B \u202E \u2028 \u{E0001} é 漢 \u{1F600}' };
  output.json(value);
  expect(written().replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
  expect(written()).toContain('é 漢 \u{1F600}');
  expect(JSON.parse(written())).toEqual(value);
});

test('prints a message as JSON with proto field names and empty fields', () => {
  const { output, written } = openOutput();
  output.message(ListSessionsResponseSchema, create(ListSessionsResponseSchema, { sessions: [{ deviceLabel: 'x' }] }));
  expect(JSON.parse(written())).toMatchObject({
    sessions: [{ device_label: 'x', current: false, ended_reason: '' }],
    next_page_token: '',
  });
});
