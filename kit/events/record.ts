import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { v7 as uuidv7 } from 'uuid';
import { join, sql } from '#kit/store/sql.ts';
import { tableOf } from './tables.ts';
import type { Statements } from '#kit/store/statements.ts';
import { typeOf } from './types.ts';
import { writesOf } from './written.ts';

/** Largest payload, bytes: ids and facts need a few hundred. */
const maxBytes = 16 * 1024;

/** Events of one statement, which has four parameters for each. PostgreSQL takes at most 65,535. */
const batch = 1_000;

/** What a producer tells of. */
export interface Recorded<D extends DescMessage> {
  /** The payload message's descriptor: UserDeletedSchema. */
  readonly type: D;
  /** Id of what the event is about. */
  readonly subject: string;
  /** Ids and facts; no secret, email address or name. */
  readonly message: MessageInitShape<D>;
}

/**
 * Records events in a transaction, in their order, with one statement for each 1,000. Returns their ids, UUIDv7s.
 * @throws Error where a payload has more than 16 KiB
 */
export type Record<P extends DescMessage> = <D extends P>(
  tx: Pick<Statements, '$executeRaw'>,
  ...events: readonly Recorded<D>[]
) => Promise<string[]>;

/**
 * Creates the function that records a service's events. It writes rows in the transaction of the change that the
 * events are about: both commit, or neither does. It announces the events to the sequencer of this process. Events about one thing keep their
 * order where the transaction has locked the thing's row before it records.
 * @param schema the producer's schema, which is its name
 * @param produces the payload messages of its definition; another type does not compile
 * @throws Error where a message's name is not one of an event, or the schema is not a plain name
 */
export function createRecord<P extends DescMessage>(schema: string, produces: readonly P[]): Record<P> {
  const events = tableOf(schema, 'events');
  const writes = writesOf(schema);
  const types = new Map<DescMessage, string>(produces.map((payload) => [payload, typeOf(payload)]));
  const rowOf = ({ type: payload, subject, message }: Recorded<P>) => {
    const type = types.get(payload);
    if (type === undefined) throw new Error(`${payload.typeName} is not among the events that ${schema} produces`);
    const data = toBinary(payload, create(payload, message));
    if (data.length > maxBytes)
      throw new Error(`the payload of ${type} has ${data.length} bytes, more than ${maxBytes}`);
    return { id: uuidv7(), type, subject, data };
  };
  return async (tx, ...all) => {
    const rows = all.map(rowOf);
    for (let first = 0; first < rows.length; first += batch) {
      const values = rows
        .slice(first, first + batch)
        .map(({ id, type, subject, data }) => sql`(${id}::uuid, ${type}, ${subject}, ${data})`);
      await tx.$executeRaw(sql`INSERT INTO ${events} (id, type, subject, data) VALUES ${join(values)}`);
    }
    if (rows.length > 0) writes.announce();
    return rows.map(({ id }) => id);
  };
}
