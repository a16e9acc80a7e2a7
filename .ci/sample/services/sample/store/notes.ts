import { columns } from '#kit/store/columns.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import type { Note, NoteStore } from '../domain/notes.ts';

const noteColumns = columns<Note>('', { id: true, text: true, createdAt: true });
const newestFirst = descending(['created_at', 'timestamptz'], ['id', 'uuid']);

/** Notes in PostgreSQL. */
export function createNoteStore(db: Statements): NoteStore {
  return {
    async insert(userId, { id, text }) {
      const [note] = await db.$queryRaw<[Note]>`
        INSERT INTO sample.notes (id, user_id, text) VALUES (${id}::uuid, ${userId}::uuid, ${text})
        RETURNING ${noteColumns}`;
      return note;
    },
    async find(userId, id) {
      const [note] = await db.$queryRaw<Note[]>`
        SELECT ${noteColumns} FROM sample.notes WHERE id = ${id}::uuid AND user_id = ${userId}::uuid`;
      return note;
    },
    page(userId, { take, after }) {
      const wanted = where([sql`user_id = ${userId}::uuid`, keyset(newestFirst, after)]);
      return db.$queryRaw<Note[]>`
        SELECT ${noteColumns} FROM sample.notes WHERE ${wanted} ORDER BY ${newestFirst.by} LIMIT ${take}`;
    },
    async update(userId, id, text) {
      const [note] = await db.$queryRaw<Note[]>`
        UPDATE sample.notes SET text = ${text} WHERE id = ${id}::uuid AND user_id = ${userId}::uuid
        RETURNING ${noteColumns}`;
      return note;
    },
    async delete(userId, id) {
      const deleted = await db.$executeRaw`
        DELETE FROM sample.notes WHERE id = ${id}::uuid AND user_id = ${userId}::uuid`;
      return deleted === 1;
    },
  };
}
