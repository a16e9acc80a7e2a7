const begin = '<!-- figures: made by npm run bench -->';
const end = '<!-- end of figures -->';

/** Inserts figures into a document between its two markers. @throws Error if a marker is missing */
export function withFigures(document: string, figures: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the document has no "${begin}" with "${end}" after it`);
  return `${document.slice(0, from + begin.length)}\n\n${figures}\n\n${document.slice(to)}`;
}
