/** The documented output of a command. */
export interface Answer {
  /** `json`: the complete output. `text`: its lines. `http`: lines that the head must contain. */
  readonly kind: 'json' | 'text' | 'http';
  readonly text: string;
}

/** A block of commands of a document, and its documented output. */
export interface Paste {
  /** Line of the document where the commands start. */
  readonly line: number;
  readonly commands: string;
  /** Undefined: no output. */
  readonly answer: Answer | undefined;
}

/**
 * The commands of a Markdown document: its fenced `sh` blocks, in order. A `json`,
 * `text` or `http` block that directly follows is the expected output. `bash` blocks
 * are not executed.
 */
export function commandsOf(markdown: string): Paste[] {
  const pastes: Paste[] = [];
  let previous: { language: string; end: number } | undefined;
  for (const match of markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
    const [whole, language = '', text = ''] = match;
    const last = pastes.at(-1);
    const follows = previous?.language === 'sh' && markdown.slice(previous.end, match.index).trim() === '';
    if (language === 'sh') {
      const line = markdown.slice(0, match.index).split('\n').length + 1;
      pastes.push({ line, commands: text, answer: undefined });
    } else if (last && follows && (language === 'json' || language === 'text' || language === 'http')) {
      pastes[pastes.length - 1] = { ...last, answer: { kind: language, text } };
    }
    previous = { language, end: match.index + whole.length };
  }
  return pastes;
}
