import { type DescMethod, type JsonObject, ScalarType } from '@bufbuild/protobuf';
import { Client } from 'pg';
import { exampleJson } from '#kit/contract/example.ts';
import { connection } from '#kit/db/database.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { AnyService } from '#kit/service/service.ts';
import { services, servicesWithData } from '../../services/registry.ts';

/** Every method of the registry, with the service that serves it: a new one is tried without an entry anywhere. */
export const registryMethods = Object.values<AnyService>(services).flatMap(({ name, contract }) =>
  contract.flatMap(({ methods }) => methods.map((method) => ({ name, method }))),
);

/** The string fields of a method's request, at its top level, as its JSON names them. */
export function textFieldsOf({ input }: DescMethod): string[] {
  return input.fields
    .filter(
      (field) => field.scalar === ScalarType.STRING && (field.fieldKind === 'scalar' || field.fieldKind === 'list'),
    )
    .map(({ name }) => name);
}

/** A method's example request with a text in one of its fields. */
export function requestWith(method: DescMethod, name: string, text: string): JsonObject {
  const isList = method.input.fields.some((field) => field.name === name && field.fieldKind === 'list');
  return { ...exampleJson(method), [name]: isList ? [text] : text };
}

/** Every row of every service that mentions one of some texts, as text: what a stranger's call must leave alone. */
export async function openRows(url: Secret) {
  const db = new Client(connection(url));
  await db.connect();
  const { rows: tables } = await db.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = ANY($1) ORDER BY 1`,
    [servicesWithData.map(({ name }) => name)],
  );
  const each = tables.map(
    ({ name }) => `SELECT ${db.escapeLiteral(name)} || ': ' || t::text AS row FROM ${name} t
                   WHERE EXISTS (SELECT FROM unnest($1::text[]) u WHERE strpos(t::text, u) > 0)`,
  );
  return {
    async mentioning(...texts: string[]): Promise<string[]> {
      const { rows } = await db.query<{ row: string }>(each.join(' UNION ALL '), [texts]);
      return rows.map(({ row }) => row).toSorted();
    },
    close: () => db.end(),
  };
}
