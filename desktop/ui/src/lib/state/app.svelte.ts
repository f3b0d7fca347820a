// The page as a whole: which door it stands at, and where what the peer tells goes.
import { createContext } from 'svelte';
import type { Host, HostEvent } from '$lib/host/host';
import { t } from '$lib/i18n/fluent.svelte';
import type { Conversation, Event, HomeReply, PageFrom, Peer, Status } from '$lib/rpc/bindings';

import type { LinkState, Transport } from '$lib/rpc/transport';
import { words } from '$lib/rpc/transport';
import { connection } from './connection';
import { Drafts } from './drafts.svelte';
import { freshId } from './outbox';
import { People } from './people.svelte';
import { Prefs } from './prefs.svelte';
import { Talk } from './talk.svelte';
import { Talks } from './talks.svelte';
import { Toasts } from './toasts.svelte';
import { View } from './view.svelte';

const MINUTE = 60_000;
const LOOK_AGAIN = 5_000;
/** Drafts are asked for of so many conversations at the start; of others when they are opened. */
const DRAFTS = 100;

export class App {
  link = $state<LinkState>('connecting');
  home = $state.raw<HomeReply | null>(null);
  /** Past the door. */
  inside = $state(false);
  status = $state.raw<Status | null>(null);
  peers = $state.raw<Peer[]>([]);
  /** Moves once a minute, so that what depends on the time is drawn anew. */
  now = $state(Date.now());
  talk = $state.raw<Talk | null>(null);
  /** A message that is to be shown as soon as it is held. */
  wanted = $state<string | null>(null);
  readonly toasts = new Toasts();
  readonly view = new View();
  readonly prefs: Prefs;
  readonly people: People;
  readonly talks: Talks;
  readonly drafts: Drafts;
  readonly connection = $derived(connection(this.link, this.status, this.peers));
  /** Where somebody was in a conversation, for this session; null: at the end. */
  #places = new Map<string, string | null>();
  #listeners = new Set<(event: Event, place: ReturnType<Talk['heard']>) => void>();
  #started = false;

  constructor(
    readonly transport: Transport,
    readonly host: Host,
  ) {
    this.prefs = new Prefs(transport);
    this.people = new People(transport);
    this.talks = new Talks(transport);
    this.drafts = new Drafts(transport);
    transport.onEvent((event) => this.#heard(event));
    transport.onState((state) => {
      const back = state === 'open' && this.link === 'away';
      this.link = state;
      if (back) void this.guard(() => this.#back());
    });
    setInterval(() => (this.now = Date.now()), MINUTE);
    setInterval(() => void this.#look(), LOOK_AGAIN);
    addEventListener('pagehide', () => this.drafts.flush());
  }

  /** Finds out at which door we stand; inside, loads what is shown first. */
  async start() {
    this.home = await this.transport.call('home');
    if (this.home.state !== 'open') return;
    await this.#load();
    this.arrived();
    const left = this.prefs.local.open;
    if (left && this.talks.find(left) && matchMedia('(min-width: 40rem)').matches) await this.open(left);
  }

  /** A home was made on this page: loads it, while the page still says what there is to say of it. */
  async enter() {
    this.home = await this.transport.call('home');
    const wish = this.prefs.language;
    await this.#load();
    if (wish !== 'system') await this.prefs.choose('language', wish);
  }

  /** Shows the conversations. */
  arrived() {
    this.inside = true;
    this.host.onEvent((event) => void this.guard(() => this.#outside(event)));
  }

  async #load() {
    await this.transport.call('watch');
    const settings = this.transport.call('settings', {}).then((reply) => this.prefs.took(reply.settings));
    await Promise.all([this.talks.load(), this.#look(), settings, this.people.load()]);
    this.#started = true;
    this.host.badge(this.talks.unread);
    for (const one of this.talks.all.slice(0, DRAFTS)) void this.drafts.load(one.conversation);
  }

  async #back() {
    if (!this.#started) return this.start();
    await this.#load();
    const { talk } = this;
    if (!talk) return;
    await this.transport.call('follow', { conversation: talk.conversation, limit: 0 });
    await talk.again();
  }

  async #look() {
    if (this.link !== 'open' || this.home?.state !== 'open' || document.hidden) return;
    const [status, { peers }] = await Promise.all([this.transport.call('status'), this.transport.call('peers')]);
    this.status = status;
    this.peers = peers;
  }

  /** Opens a conversation where it was left, at what is unread, or at the end. */
  async open(conversation: string | null, around?: string) {
    this.drafts.flush();
    this.view.go(conversation);
    this.prefs.set('open', conversation);
    await this.shown(around);
  }

  /** Makes the open conversation that of the view, after going back and forth. */
  async shown(around?: string) {
    const conversation = this.view.open;
    this.wanted = around ?? null;
    if (conversation === null) return void (this.talk = null);
    if (this.talk?.conversation === conversation) return around ? this.#toMessage(this.talk, around) : undefined;
    const talk = new Talk(conversation, this.transport);
    this.talk = talk;
    await this.guard(() => talk.open(this.#from(conversation, around)));
  }

  async #toMessage(talk: Talk, around: string) {
    if (!talk.window.items.some((item) => 'row' in item && item.row.id === around))
      await this.guard(() => talk.jump({ around }));
  }

  #from(conversation: string, around: string | undefined): PageFrom {
    const place = around ?? this.#places.get(conversation);
    if (!around && (this.talks.find(conversation)?.unread ?? 0) > 0) return 'unread';
    return place ? { around: place } : 'end';
  }

  place(conversation: string): string | null {
    return this.#places.get(conversation) ?? null;
  }

  keepPlace(conversation: string, message: string | null) {
    this.#places.set(conversation, message);
  }

  /** Is told each event of the open conversation, and what became of it. */
  listen(listener: (event: Event, place: ReturnType<Talk['heard']>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Does something, and says so if it fails. Gives back whether it worked. */
  async guard(what: () => Promise<unknown>): Promise<boolean> {
    try {
      await what();
      return true;
    } catch (error) {
      this.toasts.complain(words(error));
      return false;
    }
  }

  async copy(text: string) {
    if (await this.guard(() => this.host.copy(text))) this.toasts.say(t('copied'));
  }

  async #outside(event: HostEvent) {
    if (event.kind === 'link') return this.view.show({ name: 'join', link: event.link });
    if (event.kind === 'open') return this.open(event.conversation);
    const { conversation, text } = event;
    return this.transport.call('send', { conversation, text, id: freshId() });
  }

  #heard(event: Event) {
    switch (event.method) {
      case 'conversation': return this.#changed(event.params);
      case 'status': return void (this.status = event.params);
      case 'settings': return this.prefs.took(event.params.settings);
      case 'draft': return this.drafts.heard(event.params.conversation, event.params.text);
      case 'profile': return this.people.heard(event.params);
      case 'asker':
      case 'asked': return void this.guard(() => this.people.load());
      case 'joining': return void this.guard(() => this.talks.load());
      case 'lagged': return void this.guard(() => this.#back());
      default: return this.#ofTalk(event);
    } // prettier-ignore
  }

  #ofTalk(event: Extract<Event, { params: { conversation: string } }>) {
    const { talk } = this;
    if (event.params.conversation !== talk?.conversation) return;
    const place = talk.heard(event);
    for (const listener of this.#listeners) listener(event, place);
  }

  #changed(one: Conversation) {
    const before = this.talks.heard(one);
    this.host.badge(this.talks.unread);
    const seen = document.hasFocus() && this.view.open === one.conversation;
    if (!this.prefs.local.notify || seen || one.unread <= (before?.unread ?? 0)) return;
    this.host.notify(one.title, one.last_text, one.conversation);
  }
}

export const [getApp, setApp] = createContext<App>();
