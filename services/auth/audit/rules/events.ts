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

/** Who acts, from where and in which request. */
export interface Actor {
  /** An account, or a service by its name. Empty where it is not known, as before a sign-in, and for the service itself. */
  readonly id: string;
  /** Address of the caller; empty where there is none. */
  readonly ip: string;
  /** Empty for work without a caller. */
  readonly requestId: string;
}

/** The actor of what the service does without a caller: at the start, and in background work. */
export const system: Actor = { id: '', ip: '', requestId: '' };

/** An event before it is written. */
export interface NewAuditEvent {
  readonly kind: AuditKind;
  readonly outcome: 'success' | 'failure' | 'limited';
  readonly actor: Actor;
  /** On whom or what. */
  readonly subjectId?: string;
  /** What else there is to know: never a secret, a token, a password or what somebody typed. */
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}
