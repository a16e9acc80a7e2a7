/** Kinds of audit events: authentication events, role grants, key changes, administrative actions. */
export const auditKinds = [
  'registered',
  'login',
  'service_login',
  'logout',
  'refresh_reuse',
  'refresh_replay',
  'refresh_ahead',
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
  'key_imported',
  'key_activated',
  'key_gone',
  'key_revoked',
  'master_key_changed',
  'audit_dropped',
  'database_restored',
] as const;

/** Kind of an audit event. */
export type AuditKind = (typeof auditKinds)[number];

/** The actor of an event, with client address and request. */
export interface Actor {
  /** Id of an account or name of a service. Empty if unknown (before a sign-in), and for the auth service itself. */
  readonly id: string;
  /** Address of the caller; empty for background work. */
  readonly ip: string;
  /** Empty for background work. */
  readonly requestId: string;
}

/** The actor of background work and of the start. */
export const system: Actor = { id: '', ip: '', requestId: '' };

/** An event before it is written. */
export interface NewAuditEvent {
  readonly kind: AuditKind;
  readonly outcome: 'success' | 'failure' | 'limited';
  readonly actor: Actor;
  /** The target: an account's id, a kid, a role. */
  readonly subjectId?: string;
  /** Further data. Never a secret, a token, a password or unvalidated user input. */
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}
