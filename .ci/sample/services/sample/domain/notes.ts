import { v7 as uuidv7 } from 'uuid';
import { failure } from '#kit/errors/failure.ts';
import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';

/** A note of a user. */
export interface Note {
  readonly id: string;
  readonly text: string;
  readonly createdAt: Date;
}

/**
 * Persistence port for notes. Each verb is one statement with the owner's id, so it never finds a note of another user.
 */
export interface NoteStore {
  insert(userId: string, note: Pick<Note, 'id' | 'text'>): Promise<Note>;
  find(userId: string, id: string): Promise<Note | undefined>;
  page(userId: string, query: PageQuery): Promise<readonly Note[]>;
  update(userId: string, id: string, text: string): Promise<Note | undefined>;
  /** Returns false for an unknown note. */
  delete(userId: string, id: string): Promise<boolean>;
}

/** The rules for notes. @throws NOT_FOUND if the note is unknown or of another user */
export interface Notes {
  write(userId: string, text: string): Promise<Note>;
  read(userId: string, id: string): Promise<Note>;
  list(userId: string, page: PageRequest): Promise<Page<Note>>;
  change(userId: string, id: string, text: string): Promise<Note>;
  remove(userId: string, id: string): Promise<void>;
}

/** Creates the rules for notes. */
export function createNotes(store: NoteStore): Notes {
  return {
    write: (userId, text) => store.insert(userId, { id: uuidv7(), text }),
    read: async (userId, id) => present(await store.find(userId, id)),
    list: (userId, page) =>
      readPage(
        page,
        ['notes', userId],
        (query) => store.page(userId, query),
        ({ createdAt, id }) => [createdAt.toISOString(), id],
      ),
    change: async (userId, id, text) => present(await store.update(userId, id, text)),
    async remove(userId, id) {
      if (!(await store.delete(userId, id))) throw failure('NOT_FOUND');
    },
  };
}

function present(note: Note | undefined): Note {
  if (!note) throw failure('NOT_FOUND');
  return note;
}
