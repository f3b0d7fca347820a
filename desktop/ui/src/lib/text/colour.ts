/** One of eight colours for a person, by their id: the same on every screen. */
export function colour(user: string): number {
  let hash = 0;
  for (const letter of user.slice(0, 16)) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return hash % 8;
}

/** What stands in a circle without a picture: the first letters of up to two words, or one sign of other scripts. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = [...(words[0] ?? '')][0] ?? '?';
  if (!/[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}]/u.test(first)) return first;
  const last = words.length > 1 ? ([...(words[words.length - 1] ?? '')][0] ?? '') : '';
  return (first + last).toUpperCase();
}
