// What the pretended peer answers.
import type { Conversation, Item, Methods, PageFrom, Row } from '../bindings';
import { CallFailed, CODE } from '../transport';
import { blocks } from './blocks';
import { type World, ME, PEOPLE, userOf } from './world';

export type Answers = { [M in keyof Methods]?: (params: NonNullable<Methods[M]['params']>) => Methods[M]['result'] };

const DONE = { done: true };
const PHRASE =
  'permit chicken observe apology canal ribbon still garden pudding orbit velvet lemon ' +
  'harbor winter gesture tunnel island maple cousin ladder bright comfort ocean zebra';

function start(items: Item[], from: PageFrom, limit: number, unread: string | null): number {
  const half = limit >> 1;
  if (from === 'end' || (from === 'unread' && !unread)) return items.length - limit;
  if (from === 'unread') return items.findIndex((one) => one.key === unread) - half;
  if ('before' in from) return items.findIndex((one) => one.key >= from.before) - limit;
  if ('after' in from) return items.findIndex((one) => one.key > from.after);
  if ('around' in from) return items.findIndex((one) => 'row' in one && one.row.id === from.around) - half;
  return items.findIndex((one) => 'row' in one && one.row.at >= from.at) - half;
}

export function answers(world: World, home: { state: 'none' | 'locked' | 'open' }): Answers {
  const talk = (conversation: string): Conversation => {
    const found = world.talks.find((one) => one.conversation === conversation);
    if (!found) throw new CallFailed(CODE.notFound, 'no such conversation: `bayou conversations` lists them');
    return found;
  };
  const message = (id: string) => {
    const found = world.find(id);
    if (!found) throw new CallFailed(CODE.notFound, 'no such message');
    return found;
  };
  const change = (id: string, how: Partial<Row>) => {
    const { conversation, item } = message(id);
    world.put(conversation, { key: item.key, row: { ...item.row, ...how } });
    world.newest(talk(conversation));
    return { id };
  };
  return {
    home: () => ({ state: home.state, name: home.state === 'open' ? ME.name : null, version: '0.0.0' }),
    init: () => ((home.state = 'open'), { phrase: PHRASE }),
    restore: () => ((home.state = 'open'), DONE),
    unlock: ({ passphrase }) => {
      if (passphrase !== 'open sesame') throw new CallFailed(CODE.locked, 'this is not the passphrase of this home');
      home.state = 'open';
      return DONE;
    },
    watch: () => DONE,
    status: () => ({
      ...ME, device: 'd'.repeat(64), peer: 'e'.repeat(64), online: world.online, addresses: ['/ip4/192.168.1.7/udp/41234/quic-v1/p2p/12D3KooWExample'],
      links: world.online ? 3 : 0, conversations: world.talks.length, behind: [], erasing: 0, problem: null,
    }), // prettier-ignore
    peers: () => ({
      peers: PEOPLE.map((name, n) => ({
        peer: userOf(name), name, linked: world.online && n < 3, shared: 2,
        address: n === 2 ? '/ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3/p2p-circuit' : `/ip4/192.168.1.${n + 10}/udp/4001/quic-v1`,
      })),
    }), // prettier-ignore
    nodes: () => ({
      nodes: [
        {
          address: '/ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3KooWNode',
          reachable: true,
          mail: true,
          token: false,
          problem: null,
        },
      ],
    }),
    add_node: ({ address }) => {
      if (!address.includes('/p2p/'))
        throw new CallFailed(CODE.invalid, "a node's address ends in /p2p/…, as `bayou-bootstrap` prints it");
      return DONE;
    },
    remove_node: () => DONE,
    dial: () => DONE,
    storage: () => ({ storage: { journal: 18_400_000, snapshots: 2_100_000, index: 4_200_000, other: 120_000 } }),
    qr: ({ text }) => squares(text),
    conversations: () => ({ conversations: world.talks.map((one) => ({ ...one })) }),
    new: ({ title }) => {
      if (!title.trim()) throw new CallFailed(CODE.invalid, 'a title has 1 to 200 bytes');
      const made = world.begin(title, [], 0, 0);
      made.last_at = null;
      world.tell({ method: 'conversation', params: { ...made } });
      return { conversation: made.conversation };
    },
    set: ({ conversation, setting, value }) => {
      Object.assign(talk(conversation), { [setting]: value });
      world.newest(talk(conversation));
      return DONE;
    },
    leave: ({ conversation }) => ((talk(conversation).role = null), world.newest(talk(conversation)), DONE),
    words: () => ({ words: PHRASE.split(' ').slice(0, 8) }),
    conversation_status: ({ conversation }) => ({
      standing: {
        conversation, title: talk(conversation).title, awaited: 0, writing: 0, asked_again: 0, redialled: 0, problem: null,
        mailboxes: [{ address: '/dns4/node.example/udp/4001/quic-v1/p2p/12D3', named: true, reached: true, errands: 0, problem: null, useless: 0, useless_because: null }],
        members: (world.members.get(conversation) ?? []).map((one, n) => ({
          user: one.user, name: one.name, you: one.you,
          says: one.you ? 'this device' : n < 4 ? 'linked directly, has everything' : 'not seen for 3 days (last dial: timed out), 12 behind',
          devices: one.you ? [] : [{
            device: one.devices[0] ?? '', peer: one.user, linked: n < 4, relayed: n === 3, round_trip: n < 4 ? 12 : null, addresses: [],
            seen: n < 4 ? Date.now() : world.now - 3 * 86_400_000, failure: n < 4 ? null : 'timed out', lacks: n < 4 ? 0 : 12, ahead: 0, rules_differ: false,
          }],
        })),
      },
    }), // prettier-ignore
    invite: ({ hours = 72 }) => ({
      link: `bayou://j/#${'AaZVFOwllePw'.repeat(12)}`,
      invite: '6cb4d3fd',
      expires: Date.now() + hours * 3_600_000,
      addresses: 2,
    }),
    invites: () => ({
      invites: [
        { invite: '6cb4d3fd', by: ME.name, role: 'member', left: 2, expires: Date.now() + 86_400_000, approve: true },
      ],
    }),
    revoke_invite: () => DONE,
    join: ({ link }) => {
      if (!link.includes('/j/#'))
        throw new CallFailed(CODE.invalid, 'this is no link to a conversation: it looks like bayou://j/#…');
      const made = world.begin('Night watch', ['Priya Nair'], 3, 0);
      made.joining = 'looking for a member who may let you in';
      made.role = null;
      world.tell({ method: 'conversation', params: { ...made } });
      return { conversation: made.conversation, state: made.joining };
    },
    members: ({ conversation }) => ({
      conversation, members: world.members.get(conversation) ?? [],
      guests: talk(conversation).title === 'Harbour crew' ? [{ user: userOf('Dave'), name: 'Dave' }] : [],
    }), // prettier-ignore
    admit: () => DONE,
    role: ({ conversation, member, role }) => {
      const list = world.members.get(conversation) ?? [];
      world.members.set(
        conversation,
        list.map((one) => (one.user === member ? { ...one, role } : one)),
      );
      return DONE;
    },
    remove: ({ conversation, member }) => {
      world.members.set(
        conversation,
        (world.members.get(conversation) ?? []).filter((one) => one.user !== member),
      );
      return DONE;
    },
    page: ({ conversation, from, limit }) => {
      const items = world.items.get(conversation) ?? [];
      const count = talk(conversation).unread;
      const unread = count > 0 ? (items[items.length - count]?.key ?? null) : null;
      const first = Math.max(0, start(items, from, limit, unread));
      const end =
        typeof from === 'object' && 'before' in from ? items.findIndex((one) => one.key >= from.before) : first + limit;
      return { conversation, items: items.slice(first, end), older: first > 0, newer: end < items.length, unread };
    },
    follow: ({ conversation }) => ({ conversation, rows: [] }),
    read: ({ conversation }) => ((talk(conversation).unread = 0), world.newest(talk(conversation)), DONE),
    draft: ({ conversation, text }) => {
      if (text != null) world.drafts.set(conversation, text);
      return { conversation, text: world.drafts.get(conversation) ?? '' };
    },
    send: ({ conversation, text, reply_to, id: mine }) => {
      const had = mine ? world.sent.get(mine) : undefined;
      if (had) return { id: had };
      if (text === 'fail') throw new CallFailed(CODE.machine, 'the disk is full: make room, then try again');
      const item = world.item(ME.name, text, Date.now());
      item.row.state = world.online ? 'with 1 of 3' : 'kept';
      const quoted = reply_to ? message(reply_to).item.row : null;
      if (quoted)
        item.row.reply_to = {
          id: quoted.id,
          author: quoted.author,
          user: quoted.user,
          text: quoted.deleted ? null : quoted.text,
          state: quoted.deleted ? 'deleted' : 'here',
        };
      world.put(conversation, item);
      world.newest(talk(conversation));
      if (mine) world.sent.set(mine, item.row.id);
      return { id: item.row.id };
    },
    edit: ({ message: id, text }) => {
      const { item } = message(id);
      world.versions.set(id, [
        ...(world.versions.get(id) ?? [{ at: item.row.at, text: item.row.text }]),
        { at: Date.now(), text },
      ]);
      return change(id, { text, body: blocks(text), edited: true });
    },
    delete: ({ message: id }) => change(id, { deleted: true, text: '', body: [], reactions: [] }),
    react: ({ message: id, emoji, off }) => {
      const others = message(id).item.row.reactions.filter((one) => one.user !== ME.user || one.emoji !== emoji);
      return change(id, { reactions: off ? others : [...others, { emoji, by: ME.name, user: ME.user }] });
    },
    hide: ({ message: id, off }) => (change(id, { hidden: !off, ...(off ? {} : { text: '', body: [] }) }), DONE),
    history: ({ message: id }) => ({
      versions: (world.versions.get(id) ?? []).map((one) => ({ ...one, body: blocks(one.text) })),
    }),
    message_status: ({ message: id }) => {
      const { conversation, item } = message(id);
      const others = (world.members.get(conversation) ?? []).filter((one) => !one.you);
      return {
        whereabouts: {
          message: id, conversation, state: item.row.state, kept: true, fate: [], says: 'with 2 of 6 devices',
          devices: others.map((one, n) => ({
            user: one.user, name: one.name, device: one.devices[0] ?? '', has: n < 2, path: n < 3 ? 'linked directly' : 'not seen for 3 days (last dial: timed out)',
          })),
        },
      }; // prettier-ignore
    },
    contacts: () => ({ contacts: world.contacts }),
    contact: ({ user }) => ({
      contact: world.contacts.find((one) => one.user === user) ?? (() => { throw new CallFailed(CODE.notFound, 'nobody of that name is known'); })(),
      number: '01234 56789 13579 24680 11223 34455 66778 89900 10203 40506 07080 91011', code: 'bayou://v/#example',
    }), // prettier-ignore
    note_contact: ({ user, petname, verified }) => {
      world.contacts = world.contacts.map((one) =>
        one.user === user
          ? {
              ...one,
              petname: petname === undefined ? one.petname : petname || null,
              verified: verified ?? one.verified,
            }
          : one,
      );
      return DONE;
    },
    confirm_contact: () => DONE,
    verify_contact: () => {
      throw new CallFailed(CODE.notAllowed, 'the codes differ: one of you sees somebody else');
    },
    block: ({ user, off }) => {
      world.contacts = world.contacts.map((one) => (one.user === user ? { ...one, blocked: !off } : one));
      return DONE;
    },
    contact_link: () => ({ contact_link: `bayou://c/#${'AcNF2tNwq'.repeat(10)}`, addresses: 2 }),
    add_contact: () => ({ asked: userOf('Dave'), conversation: null, state: 'looking for them' }),
    requests: () => ({
      received: [{ user: userOf('Dave'), name: 'Dave', message: 'We met on the boat.', at: world.now - 3_600_000 }],
      sent: [{ user: userOf('Priya Nair'), message: '', at: world.now - 7_200_000, state: 'waiting for their answer' }],
    }),
    answer_request: ({ yes }) =>
      yes ? { conversation: world.begin('Dave', ['Dave'], 1, 0, userOf('Dave')).conversation } : DONE,
    profile: ({ name, status }) => ({
      profile: { user: ME.user, name: name ?? ME.name, status: status ?? '', avatar: null },
    }),
    avatar: () => {
      throw new CallFailed(CODE.notFound, 'they show no picture');
    },
    settings: ({ key, value }) => {
      if (key) world.settings = { ...world.settings, [key]: value ?? 'system' };
      return { settings: world.settings };
    },
    devices: () => ({
      devices: [
        { device: 'd'.repeat(64), this: true, state: 'yours', since: world.now - 86_400_000 * 40, linked: false },
        { device: 'a1b2'.repeat(16), this: false, state: 'yours', since: world.now - 86_400_000 * 3, linked: true },
        { device: 'c3d4'.repeat(16), this: false, state: 'retired', since: world.now - 86_400_000 * 90, linked: false },
      ],
    }),
    link_device: () => ({ digits: '054 550', device: 'a1b2'.repeat(16) }),
    confirm_device: () => DONE,
    retire_device: () => DONE,
    move_root: () => DONE,
    offer_device: () => ({ offer: `bayou://link/${'AVxIBZRkzQt'.repeat(8)}` }),
    await_digits: () => ({ digits: '054 550' }),
    settle_in: () => ((home.state = 'open'), DONE),
  };
}

/** Something that looks like a code and says nothing. */
function squares(text: string): { path: string; size: number } {
  let path = '';
  for (let n = 0; n < 33 * 33; n += 1) {
    if ((text.charCodeAt(n % text.length) * (n + 7)) % 5 < 2) path += `M${n % 33} ${Math.floor(n / 33)}h1v1h-1z`;
  }
  return { path, size: 33 };
}
