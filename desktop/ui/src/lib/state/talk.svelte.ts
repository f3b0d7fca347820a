// One conversation that is open: its window over the timeline, and what is being done in it.
//
//   page ──► window ──► lines ──► the list          events ──► window, if they belong to what is held
import { tick } from 'svelte';
import type { Event, Item, Member, PageFrom, Row } from '$lib/rpc/bindings';

import type { Transport } from '$lib/rpc/transport';
import { words } from '$lib/rpc/transport';
import { day } from '$lib/text/time';
import { lines, row } from './lines';
import { added, failed, freshId, MOMENT, type Outgoing, removed, retried, slowed } from './outbox';
import {
  gone,
  grownBehind,
  grownInFront,
  heard,
  NOTHING,
  PAGE,
  requoted,
  trimmedBehind,
  trimmedInFront,
} from './window';

export class Talk {
  window = $state.raw(NOTHING);
  /** The first message that was not read when this was opened. */
  unread = $state<string | null>(null);
  /** Something changed above what is seen: the list keeps its place from the end. */
  shift = $state(false);
  ready = $state(false);
  /** An item that the list is to show. */
  goal = $state<string | null>(null);
  members = $state.raw<Member[]>([]);
  guests = $state.raw<{ user: string; name: string }[]>([]);
  replyTo = $state.raw<Row | null>(null);
  editing = $state.raw<Row | null>(null);
  outbox = $state.raw<Outgoing[]>([]);
  /** Keys of what came late, since this was opened. */
  late = $state.raw<ReadonlySet<string>>(new Set());
  /** How many came at the end while somebody read further up. */
  below = $state(0);
  readonly lines = $derived(lines(this.window.items, this.unread, day));
  readonly you = $derived(this.members.find((one) => one.you));
  /** Somebody who is to be confirmed before anything is sent. */
  readonly alarmed = $derived(this.members.filter((one) => one.alarm !== null));
  /** The key of the first item in view: what changes before it must not move what is seen. */
  top = '';
  /** Events that come while a page is on its way. */
  #missed: Event[] | null = null;
  #busy = false;
  #readUpTo = '';

  constructor(
    readonly conversation: string,
    private readonly transport: Transport,
  ) {}

  async open(from: PageFrom) {
    await this.transport.call('follow', { conversation: this.conversation, limit: 0 });
    const [page] = await Promise.all([this.#take(from), this.loadMembers()]);
    this.unread = page.unread;
    this.ready = true;
  }

  /** Takes a page in place of what is held; what is told meanwhile comes into it afterwards. */
  async #take(from: PageFrom) {
    const missed = (this.#missed = [] as Event[]);
    try {
      const page = await this.transport.call('page', { conversation: this.conversation, from, limit: PAGE });
      this.shift = false;
      this.window = { items: page.items, older: page.older, newer: page.newer };
      return page;
    } finally {
      if (this.#missed === missed) this.#missed = null;
      for (const event of missed) this.heard(event);
    }
  }

  async loadMembers() {
    const { members, guests } = await this.transport.call('members', { conversation: this.conversation });
    this.members = members;
    this.guests = guests;
  }

  /** Takes another part of the timeline in place of what is held. */
  async jump(from: PageFrom) {
    const page = await this.#take(from);
    if (!page.newer) this.below = 0;
    await tick();
  }

  /** Goes to the first message of a day, or after it; the list then shows it. */
  async toDay(at: number) {
    await this.jump({ at });
    this.goal = this.window.items.find((item) => 'row' in item && item.row.at >= at)?.key ?? null;
  }

  /** Reads again what is held: events were missed. */
  async again() {
    const middle = this.window.items[this.window.items.length >> 1];
    const from: PageFrom =
      this.window.newer && middle ? ('row' in middle ? { around: middle.row.id } : { at: middle.notice.at }) : 'end';
    await Promise.all([this.jump(from), this.loadMembers()]);
  }

  older = () => this.#grow('older');
  newer = () => this.#grow('newer');

  /** Takes in the next page on one side. Tells whether there was one to take. */
  async #grow(where: 'older' | 'newer'): Promise<boolean> {
    const { conversation } = this;
    const edge = this.window.items.at(where === 'older' ? 0 : -1);
    if (this.#busy || !edge || !this.window[where]) return false;
    this.#busy = true;
    try {
      const from = where === 'older' ? { before: edge.key } : { after: edge.key };
      const page = await this.transport.call('page', { conversation, from, limit: PAGE });
      this.shift = where === 'older';
      this.window =
        where === 'older'
          ? grownInFront(this.window, page.items, page.older)
          : grownBehind(this.window, page.items, page.newer);
      await tick();
      this.shift = where === 'newer';
      this.window = where === 'older' ? trimmedBehind(this.window) : trimmedInFront(this.window);
      await tick();
      this.shift = false;
      return true;
    } finally {
      this.#busy = false;
    }
  }

  /** Takes in an event; says what became of a new item. */
  heard(event: Event) {
    this.#missed?.push(event);
    if (event.method === 'gone') {
      this.shift = event.params.key < this.top;
      this.window = gone(this.window, event.params.key);
    } else if (event.method === 'row') return this.#item({ key: event.params.key, row: event.params.row });
    else if (event.method === 'notice') {
      void this.loadMembers();
      return this.#item({ key: event.params.key, notice: event.params.notice });
    } else if (event.method === 'guest') void this.loadMembers();
    return undefined;
  }

  #item(item: Item) {
    const [window, place] = heard(this.window, item);
    const message = row(item);
    this.shift = place === 'late' && item.key < this.top;
    this.window = message ? requoted(window, message) : window;
    if (place === 'late' && message && message.user !== this.you?.user) this.late = new Set([...this.late, item.key]);
    if (message) this.outbox = removed(this.outbox, message.id);
    return place;
  }

  /** Tells the peer that everything up to this message was seen. */
  seen(key: string, message: Row) {
    if (key <= this.#readUpTo) return;
    this.#readUpTo = key;
    this.transport
      .call('read', { conversation: this.conversation, up_to: message.id })
      .catch(() => (this.#readUpTo = ''));
  }

  async send(text: string) {
    const replyTo = this.replyTo?.id ?? null;
    this.replyTo = null;
    const one: Outgoing = { id: freshId(), text, replyTo, failure: null, slow: false };
    this.outbox = added(this.outbox, one);
    await this.#post(one);
  }

  async retry(id: string) {
    const one = this.outbox.find((other) => other.id === id);
    this.outbox = retried(this.outbox, id);
    if (one) await this.#post(one);
  }

  discard(id: string) {
    this.outbox = removed(this.outbox, id);
  }

  async #post({ id, text, replyTo }: Outgoing) {
    const { conversation } = this;
    const slow = setTimeout(() => (this.outbox = slowed(this.outbox, id)), MOMENT);
    try {
      await this.transport.call('send', { conversation, text, id, ...(replyTo ? { reply_to: replyTo } : {}) });
      this.outbox = removed(this.outbox, id);
    } catch (error) {
      this.outbox = failed(this.outbox, id, words(error));
    } finally {
      clearTimeout(slow);
    }
  }
}
