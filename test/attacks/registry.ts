import { type DescMethod, type JsonObject, ScalarType } from '@bufbuild/protobuf';
import { Client } from 'pg';
import { exampleJson } from '#kit/contract/example.ts';
import { connection } from '#kit/db/database.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { AnyService } from '#kit/service/service.ts';
import { services, servicesWithData } from '../../services/registry.ts';

/** Every method of the registry with its service. New methods are included automatically. */
export const registryMethods = Object.values<AnyService>(services).flatMap(({ name, contract }) =>
  contract.flatMap(({ methods }) => methods.map((method) => ({ name, method }))),
);

/** The top-level string fields of the request, by their JSON names. */
export function textFieldsOf({ input }: DescMethod): string[] {
  return input.fields
    .filter(
      (field) => field.scalar === ScalarType.STRING && (field.fieldKind === 'scalar' || field.fieldKind === 'list'),
    )
    .map(({ name }) => name);
}

/** The example request of a method with a text in one field. */
export function requestWith(method: DescMethod, name: string, text: string): JsonObject {
  const isList = method.input.fields.some((field) => field.name === name && field.fieldKind === 'list');
  return { ...exampleJson(method), [name]: isList ? [text] : text };
}

/** Reads every row of every service that contains one of the texts, without the place in an event log, which the sequencer sets. */
export async function openRows(url: Secret) {
  const db = new Client(connection(url));
  await db.connect();
  const { rows: tables } = await db.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = ANY($1) ORDER BY 1`,
    [servicesWithData.map(({ name }) => name)],
  );
  const each = tables.map(
    ({ name }) => `SELECT ${db.escapeLiteral(name)} || ': ' || (to_jsonb(t) - 'position')::text AS row FROM ${name} t
                   WHERE EXISTS (SELECT FROM unnest($1::text[]) u WHERE strpos(t::text, u) > 0)`,
  );
  return {
    async mentioning(...texts: string[]): Promise<string[]> {
      const { rows } = await db.query<{ row: string }>(each.join(' UNION ALL '), [texts]);
      return rows.map(({ row }) => row).toSorted();
    },
    /** Number of audit events that are not chained yet: each is then written again. */
    async unchained(): Promise<number> {
      return (await db.query('SELECT FROM auth.audit_unchained')).rowCount ?? 0;
    },
    close: () => db.end(),
  };
}
