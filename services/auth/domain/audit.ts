/** What the audit log knows of: every authentication event, grant, key change and act of an administrator. */
export const auditKinds = [
  'registered',
  'login',
  'service_login',
  'logout',
  'refresh_reuse',
  'refresh_replay',
  'session_revoked',
  'sessions_revoked',
  'password_changed',
  'password_reset_requested',
  'password_reset',
  'email_verification_sent',
  'email_verified',
  'role_granted',
  'role_revoked',
  'role_defined',
  'role_deleted',
  'user_disabled',
  'user_enabled',
  'user_imported',
  'account_deleted',
  'key_created',
  'key_activated',
  'key_gone',
  'key_revoked',
  'master_key_changed',
] as const;

/** One of them. */
export type AuditKind = (typeof auditKinds)[number];

/** An event as whoever causes it has it. Who asked, from where and in which request come from the call under way. */
export interface NewAuditEvent {
  readonly kind: AuditKind;
  readonly outcome: 'success' | 'failure' | 'limited';
  /** Who, where the call under way does not tell: somebody who is only just signing in. */
  readonly actorId?: string;
  /** On whom or what. */
  readonly subjectId?: string;
  /** What else there is to know: never a secret, a token, a password or what somebody typed. */
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}
