export { currentActor } from './handler/actor.ts';
export { type Actor, type AuditKind, type NewAuditEvent, system } from './rules/events.ts';
export { auditColumns, audited, auditValues, insertAudit } from './store/events.ts';
