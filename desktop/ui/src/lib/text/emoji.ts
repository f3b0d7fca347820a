// All emoji with what they are called, in the language of the page. Loaded when they are first wanted, from this page's own files.

export interface Emoji {
  unicode: string;
  label: string;
  tags?: string[];
  group?: number;
  order?: number;
}

const loads: Record<string, () => Promise<unknown>> = {
  en: () => import('emojibase-data/en/compact.json'),
  zh: () => import('emojibase-data/zh/compact.json'),
};
/** Parts of others, such as shades of skin, which nobody writes alone. */
const COMPONENTS = 2;

export async function emoji(tag: string): Promise<Emoji[]> {
  const loaded = (await (loads[tag.split('-')[0] ?? ''] ?? loads.en)?.()) as { default: Emoji[] };
  return loaded.default
    .filter((one) => one.group !== undefined && one.group !== COMPONENTS)
    .sort((a, b) => (a.order ?? 0) - (b.order ?? 0));
}

/** How well an emoji fits a word: its name begins with it, or what it has to do with does, or has it within; 3: not at all. */
function rank(one: Emoji, word: string): number {
  const tags = (one.tags ?? []).map((tag) => tag.toLowerCase());
  const label = one.label.toLowerCase();
  if (label.startsWith(word) || one.unicode === word) return 0;
  if (tags.some((tag) => tag.startsWith(word))) return 1;
  return label.includes(word) || tags.some((tag) => tag.includes(word)) ? 2 : 3;
}

/** Those that are called so, or have to do with it, the best first. */
export function called(all: readonly Emoji[], wanted: string): Emoji[] {
  const word = wanted.trim().toLowerCase();
  const ranked = all.map((one) => ({ one, rank: rank(one, word) })).filter((each) => each.rank < 3);
  return ranked.sort((a, b) => a.rank - b.rank).map((each) => each.one);
}

/** The beginning of an emoji's name before the caret, as in `see you :wav`; null: none is being written. */
export function begun(text: string, caret: number): { word: string; from: number } | null {
  const found = /(?:^|\s):([\p{L}\p{N}_+-]{2,20})$/u.exec(text.slice(0, caret));
  return found?.[1] ? { word: found[1], from: caret - found[1].length - 1 } : null;
}
