import type { Kind } from '../kinds.ts';

/** The texts of a language. `{name}` in a text is a fact of the notification. */
export interface Templates {
  /** Greeting with a name: `{name}`. */
  readonly hello: string;
  readonly helloUnnamed: string;
  /** The last line of a mail: `{site}`. */
  readonly footer: string;
  readonly kinds: Readonly<Record<Kind, Template>>;
}

/** The texts of a kind. */
export interface Template {
  /** One line: the title in the inbox, and the subject of the mail. */
  readonly title: string;
  /** The body in the inbox, and that of the mail where `mail` is missing. */
  readonly body: string;
  /** The paragraphs of the mail. In kinds with a link, also `{site}` and `{address}`, the network address of its requester. */
  readonly mail?: readonly string[];
  /** The label of the link in the mail. */
  readonly action?: string;
}
