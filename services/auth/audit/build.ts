import { AuditService } from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import type { Ground } from '../ground.ts';
import { auditHandler } from './handler/audit.ts';
import { createAuditLog } from './rules/log.ts';
import { createAuditStore } from './store/log.ts';

/** Builds the reader of the audit log. Each room writes its own events. */
export function buildAudit({ db }: Ground) {
  return { mounted: [mount(AuditService, auditHandler(createAuditLog(createAuditStore(db))))] };
}
