const begin = '<!-- figures: made by npm run bench -->';
const end = '<!-- end of figures -->';

/** Puts figures into a document, between its two markers. @throws where it has not both */
export function withFigures(document: string, figures: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the document has no "${begin}" with "${end}" after it`);
  return `${document.slice(0, from + begin.length)}\n\n${figures}\n\n${document.slice(to)}`;
}
