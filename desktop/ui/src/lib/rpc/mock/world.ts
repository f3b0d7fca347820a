// A pretended peer with friends, for looking around and for tests of the page alone. It keeps nothing.
import type { Contact, Conversation, Event, Item, Member, Notice, Row } from '../bindings';

export type RowItem = { key: string; row: Row };
export type NoticeItem = { key: string; notice: Notice };

import { blocks } from './blocks';

const id = (seed: string): string => {
  let hash = 7;
  let text = '';
  for (let round = 0; text.length < 64; round += 1) {
    for (const letter of seed + round) hash = (hash * 33 + letter.charCodeAt(0)) >>> 0;
    text += hash.toString(16).padStart(8, '0');
  }
  return text.slice(0, 64);
};

export const PEOPLE = ['Mira Okafor', 'Jonas Weber', '王小明', 'Léa Fontaine', 'Tomás Silva', 'Priya Nair'] as const;
export const ME = { name: 'Ada', user: id('Ada') };
export const userOf = (name: string): string => (name === ME.name ? ME.user : id(name));

const SAID = [
  'Morning! The tide tables for **Saturday** are up.',
  'Can you bring the long rope? The short one is too short.',
  'I put the notes here: https://example.org/notes/2026',
  'Sounds good to me.',
  'Let me check with the harbour and come back to you.',
  'The new sail arrived, it is a bit larger than we thought and I am not sure whether it fits the old mast. We should measure both before anybody cuts anything.',
  '好的，周六见！',
  'Try `bayou status` when it happens again.',
  '```rust\nfn merge(ours: &Heads, theirs: &Heads) -> Heads {\n    // nobody in the middle\n    ours.union(theirs)\n}\n```',
  '> Who has the keys?\n\nI do.',
  '- ropes\n- lamps\n- the good kettle',
  '👍',
  'See you at the pier 🌊',
];

export class World {
  talks: Conversation[] = [];
  items = new Map<string, Item[]>();
  drafts = new Map<string, string>();
  members = new Map<string, Member[]>();
  contacts: Contact[] = [];
  settings: Record<string, string> = { language: 'system', theme: 'system', read_marks: 'on', typing: 'on' };
  sent = new Map<string, string>();
  versions = new Map<string, { at: number; text: string }[]>();
  online = true;
  #count = 0;
  tell: (event: Event) => void = () => {};

  constructor(readonly now: number) {
    this.contacts = PEOPLE.map((name, index) => this.#contact(name, index));
    this.begin('Harbour crew', [...PEOPLE], 10_000, 4);
    this.begin('Book club', ['Léa Fontaine', 'Priya Nair'], 40, 0);
    this.begin('Mira Okafor', ['Mira Okafor'], 25, 2, userOf('Mira Okafor'));
    this.begin('周末爬山', ['王小明', 'Jonas Weber'], 12, 0);
    this.begin('Jonas Weber', ['Jonas Weber'], 6, 0, userOf('Jonas Weber'));
    this.begin(
      'Neighbours of Canal Street and everybody who looks after the little park behind it',
      ['Tomás Silva'],
      3,
      0,
    );
  }

  begin(title: string, names: string[], count: number, unread: number, other: string | null = null): Conversation {
    const conversation = id(`talk${title}${this.talks.length}`);
    const talk: Conversation = {
      conversation, title, with: other, topic: '', history: 'all', members: [ME.name, ...names], role: 'owner', joining: null,
      disappear: 0, mailboxes: [], last_at: null, last_text: '', unread, epoch: id('epoch'),
    }; // prettier-ignore
    this.talks.push(talk);
    const items: Item[] = [];
    this.items.set(conversation, items);
    this.members.set(
      conversation,
      [ME.name, ...names].map((name, index) => this.#member(name, index)),
    );
    const start = this.now - this.talks.length * 1_700_000 - count * 400_000;
    items.push({
      key: `${String(start).padStart(15, '0')}0`,
      notice: { id: id(title), at: start, by: ME.name, user: ME.user, kind: 'began', who: null, what: title },
    });
    const authors = [...names, ME.name];
    for (let n = 1; n <= count; n += 1) {
      const mine = n > count - unread ? 0 : (n * 7 + (n >> 2)) % authors.length;
      const at = start + n * 400_000 - ((n * 37) % 5) * 60_000 * (n % 3);
      items.push(this.item(authors[mine] ?? ME.name, SAID[(n * 5 + (n >> 3)) % SAID.length] ?? '', at));
    }
    items.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.newest(talk);
    return talk;
  }

  item(author: string, text: string, at: number): RowItem {
    this.#count += 1;
    const message = id(`m${this.#count}`);
    const row: Row = {
      id: message, author, user: userOf(author), device: id(`d${author}`), at, expires: null, text, body: blocks(text), edited: false,
      deleted: false, hidden: false, blocked: false, look_alike: false, reactions: [], reply_to: null,
      state: author === ME.name ? (this.#count % 9 === 0 ? 'with 2 of 6' : 'with all') : 'received',
    }; // prettier-ignore
    if (this.#count % 11 === 0) row.reactions = [{ emoji: '👍', by: 'Mira Okafor', user: userOf('Mira Okafor') }];
    if (this.#count % 33 === 0) row.reactions.push({ emoji: '🌊', by: ME.name, user: ME.user });
    return { key: String(at).padStart(15, '0') + String(this.#count).padStart(7, '0'), row };
  }

  newest(talk: Conversation): void {
    const last = this.items.get(talk.conversation)?.findLast((one) => 'row' in one);
    if (!last || !('row' in last)) return;
    talk.last_at = last.row.at;
    talk.last_text = last.row.deleted
      ? ''
      : last.row.text
          .replace(/[*`>#\n]+/g, ' ')
          .trim()
          .slice(0, 120);
    this.tell({ method: 'conversation', params: { ...talk } });
  }

  put(conversation: string, item: Item): void {
    const items = this.items.get(conversation) ?? [];
    const at = items.findIndex((one) => one.key >= item.key);
    if (at >= 0 && items[at]?.key === item.key) items[at] = item;
    else items.splice(at < 0 ? items.length : at, 0, item);
    if ('row' in item) this.tell({ method: 'row', params: { conversation, ...item } });
    else this.tell({ method: 'notice', params: { conversation, ...item } });
  }

  find(message: string): { conversation: string; item: RowItem } | undefined {
    for (const [conversation, items] of this.items) {
      const item = items.find((one) => 'row' in one && one.row.id === message);
      if (item && 'row' in item) return { conversation, item };
    }
    return undefined;
  }

  #contact(name: string, index: number): Contact {
    return {
      user: userOf(name), name, petname: null, status: index === 0 ? 'out on the water' : '', avatar: null, verified: index === 0,
      alarm: null, by_link: index === 1, blocked: false, shared: 2, conversation: null,
    }; // prettier-ignore
  }

  #member(name: string, index: number): Member {
    const role = index === 0 ? 'owner' : index === 1 ? 'admin' : index === 4 ? 'reader' : 'member';
    return {
      user: userOf(name), name, role, devices: [id(`d${name}`)], you: name === ME.name, status: name === PEOPLE[0] ? 'out on the water' : '',
      avatar: null, verified: name === PEOPLE[0], alarm: null, blocked: false,
    }; // prettier-ignore
  }
}
