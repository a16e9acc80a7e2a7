import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { SampleService } from '#gen/proto/signet/sample/v1/sample_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import type { Note, Notes } from '../domain/notes.ts';

/** Converts messages for the domain and back. The owner of a note comes from the token, never from the request. */
export function sampleHandler(notes: Notes): ServiceImpl<typeof SampleService> {
  return {
    createNote: async ({ text }, { values }) => toMessage(await notes.write(userOf(values).subject, text)),
    getNote: async ({ noteId }, { values }) => toMessage(await notes.read(userOf(values).subject, noteId)),
    async listNotes(page, { values }) {
      const { items, nextPageToken } = await notes.list(userOf(values).subject, page);
      return { notes: items.map(toMessage), nextPageToken };
    },
    updateNote: async ({ noteId, text }, { values }) =>
      toMessage(await notes.change(userOf(values).subject, noteId, text)),
    async deleteNote({ noteId }, { values }) {
      await notes.remove(userOf(values).subject, noteId);
      return {};
    },
  };
}

function toMessage({ id, text, createdAt }: Note) {
  return { id, text, createdAt: timestampFromDate(createdAt) };
}
