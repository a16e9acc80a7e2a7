/** A step of a README: a file to write, or commands to run. */
export type Step =
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'commands'; readonly text: string };

/** The steps of a README: the code blocks below the name of a file, and the `bash` blocks. */
export function stepsOf(readme: string): Step[] {
  return [...readme.matchAll(/(?:`([\w./-]+)`:\n\n)?^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(
    ([, name, language, text = '']): Step[] => {
      if (name !== undefined) return [{ kind: 'file', name, text }];
      return language === 'bash' ? [{ kind: 'commands', text }] : [];
    },
  );
}

/** The output that a README documents for one of its files: the `text` block after it. */
export function outputOf(readme: string, file: string): string {
  const after = readme.split(`\`${file}\`:\n`)[1] ?? '';
  return /^prints\n\n```text\n([\s\S]*?)^```$/m.exec(after)?.[1] ?? '';
}
