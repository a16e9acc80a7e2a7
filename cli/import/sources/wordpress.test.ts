import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, typed } from '../testing/entries.ts';

test('wordpress, as JSON and as CSV', async () => {
  const rows = [
    ['a@x.example', 'Ada, "A"', '2020-01-02 03:04:05', '$P$5e3NtOqppSH0ibPIssI2xxV8vpFeQl0', 'administrator,editor'],
    ['b@x.example', '', '0000-00-00 00:00:00', '', 'subscriber'],
    ['c@x.example', 'C', '2020-01-02 03:04:05', '*0', 'subscriber'],
    ['d@x.example', 'D', '2020-01-02 03:04:05', '$P$Se3NtOqppSH0ibPIssI2xxV8vpFeQl0', 'subscriber'],
  ] as const;
  const columns = ['user_email', 'display_name', 'user_registered', 'user_pass', 'roles'];
  const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
  const csv = [columns, ...rows].map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
  const json = rows.map((row) => Object.fromEntries(row.map((cell, index) => [columns[index], cell])));
  for (const [text, place] of [
    [csv, (index: number) => `record ${index + 1}`],
    [json, (index: number) => `[${index}]`],
  ] as const) {
    const entries = await entriesOf('wordpress', [text]);
    expect(of(entries)).toEqual([
      { place: place(0), email: 'a@x.example', name: 'Ada, "A"', created: '2020-01-02T03:04:05' },
      { place: place(1), email: 'b@x.example', name: 'b', bare: true },
      { place: place(2), email: 'c@x.example', name: 'C', created: '2020-01-02T03:04:05', bare: true },
      left(place(3), 'HASH_TOO_COSTLY', 'd@x.example'),
    ]);
    await expectPasswords(entries, typed);
  }
});
