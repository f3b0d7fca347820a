// Enough of Markdown for a pretended peer: the real tree is made in Rust.
import type { Block, Inline } from '../bindings';

function inlines(text: string): Inline[] {
  const found = /\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\((https?:[^)\s]+)\)|(https?:\/\/\S+)|\n/.exec(text);
  if (!found) return text ? [{ kind: 'text', text }] : [];
  const [all, strong, code, label, href, bare] = found;
  let made: Inline = { kind: 'break' };
  if (strong) made = { kind: 'strong', inlines: inlines(strong) };
  else if (code) made = { kind: 'code', text: code };
  else if (label && href) made = { kind: 'link', href, inlines: inlines(label) };
  else if (bare) made = { kind: 'link', href: bare, inlines: [{ kind: 'text', text: bare }] };
  const before = text.slice(0, found.index);
  return [
    ...(before ? [{ kind: 'text', text: before } as const] : []),
    made,
    ...inlines(text.slice(found.index + all.length)),
  ];
}

function block(text: string): Block {
  const code = /^```(\w*)\n([\s\S]*?)\n?```$/.exec(text);
  if (code) return { kind: 'code', lang: code[1] ?? '', text: code[2] ?? '' };
  if (text.startsWith('> ')) return { kind: 'quote', blocks: blocks(text.replace(/^> ?/gm, '')) };
  if (/^- /.test(text)) {
    const items = text.split(/^- /m).filter(Boolean);
    return {
      kind: 'list',
      start: null,
      items: items.map((one) => [{ kind: 'paragraph', inlines: inlines(one.trim()) }]),
    };
  }
  return { kind: 'paragraph', inlines: inlines(text) };
}

export const blocks = (text: string): Block[] =>
  (text.match(/```\w*\n[\s\S]*?```|[^\n][\s\S]*?(?=\n\n|\n```|$)/g) ?? []).map((part) => block(part.trim()));
