/** The stream of a producer's events. Its subjects are `signet.events.<schema>.<type>`. */
export function streamOf(schema: string): string {
  return `SIGNET_${schema.toUpperCase()}`;
}

/** The subject of a producer's events of a type, such as `user.deleted`; of all types by default. */
export function subjectOf(schema: string, type = '>'): string {
  return `signet.events.${schema}.${type}`;
}

/** The subject on which a producer announces the head of its log every second. */
export function headSubjectOf(schema: string): string {
  return `signet.head.${schema}`;
}

/** Headers of a message. Its id is in Nats-Msg-Id, its type in the subject. */
export const header = {
  /** UUID of the log. */
  history: 'Signet-History',
  /** Place in the log. */
  position: 'Signet-Position',
  /** Id of what the event is about. */
  subject: 'Signet-Subject',
  /** When the transaction that recorded the event began; ISO 8601. */
  time: 'Signet-Time',
} as const;
