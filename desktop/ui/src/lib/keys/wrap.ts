// Marks around what is selected, as Markdown has them: put there, or taken away if they are there already.

export const MARKS: Record<string, string> = { 'Ctrl+B': '**', 'Ctrl+I': '_', 'Ctrl+E': '`', 'Ctrl+Shift+X': '~~' };

export interface Selected {
  text: string;
  from: number;
  to: number;
}

export function wrapped({ text, from, to }: Selected, mark: string): Selected {
  const inside = text.slice(from, to);
  const before = text.slice(0, from);
  const after = text.slice(to);
  if (before.endsWith(mark) && after.startsWith(mark)) {
    return {
      text: before.slice(0, -mark.length) + inside + after.slice(mark.length),
      from: from - mark.length,
      to: to - mark.length,
    };
  }
  return { text: before + mark + inside + mark + after, from: from + mark.length, to: to + mark.length };
}
