import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type Erasure as ErasureMessage,
  ErasureSchema,
  type ImportedUser,
  type ImportResult,
  ImportResultSchema,
} from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import type { Erasure } from '../rules/erasures.ts';
import type { Import, Imported } from '../rules/imports.ts';

/** Converts an imported account. */
export function toImport({ createdAt, ...user }: ImportedUser): Import {
  return { ...user, createdAt: createdAt && timestampDate(createdAt) };
}

/** Converts the result of an import. */
export function toImportResult(imported: Imported): ImportResult {
  return create(ImportResultSchema, imported);
}

/** Converts the progress of an erasure. */
export function toErasureMessage({ userId, requestedAt, completedAt, services }: Erasure): ErasureMessage {
  return create(ErasureSchema, {
    userId,
    requestedAt: timestampFromDate(requestedAt),
    ...(completedAt ? { completedAt: timestampFromDate(completedAt) } : {}),
    services: services.map(({ service, doneAt }) => ({
      service,
      ...(doneAt ? { doneAt: timestampFromDate(doneAt) } : {}),
    })),
  });
}
