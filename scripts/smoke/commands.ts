/** What a document says that a command answers. */
export interface Answer {
  /** `json`: the whole answer. `text`: its lines. `http`: lines that a head has among others. */
  readonly kind: 'json' | 'text' | 'http';
  readonly text: string;
}

/** Commands of a document that are pasted together, and what they answer. */
export interface Paste {
  /** Line of the document where the commands begin. */
  readonly line: number;
  readonly commands: string;
  /** Undefined where the document shows none: then there is none. */
  readonly answer: Answer | undefined;
}

/**
 * The commands of a Markdown document: its fenced blocks of `sh`, in order. A
 * block of `json`, `text` or `http` right after one is its answer. Commands in
 * `bash` blocks are for people, and left out here.
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
