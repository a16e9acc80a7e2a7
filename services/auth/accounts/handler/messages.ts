import { create } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  type ImportedUser,
  type ImportResult,
  ImportResultSchema,
} from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import type { Import, Imported } from '../rules/imports.ts';

/** Converts an imported account. */
export function toImport({ createdAt, ...user }: ImportedUser): Import {
  return { ...user, createdAt: createdAt && timestampDate(createdAt) };
}

/** Converts the result of an import. */
export function toImportResult(imported: Imported): ImportResult {
  return create(ImportResultSchema, imported);
}
