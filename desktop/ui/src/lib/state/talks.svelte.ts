// The conversations of a person, as the list shows them.
import type { Conversation } from '$lib/rpc/bindings';
import type { Transport } from '$lib/rpc/transport';
import { type Filter, held, ordered, put, shown, unread } from './conversations';

export class Talks {
  all = $state.raw<Conversation[]>([]);
  loaded = $state(false);
  filter = $state<Filter>('all');
  wanted = $state('');
  #held = $state.raw<string[] | null>(null);

  readonly listed = $derived(
    shown(this.#held ? held(this.#held, this.all) : ordered(this.all), this.filter, this.wanted),
  );
  readonly unread = $derived(unread(this.all));

  constructor(private readonly transport: Transport) {}

  async load() {
    this.all = (await this.transport.call('conversations')).conversations;
    this.loaded = true;
  }

  find(conversation: string | null): Conversation | undefined {
    return this.all.find((one) => one.conversation === conversation);
  }

  /** Takes in what changed; returns what it was before. */
  heard(one: Conversation): Conversation | undefined {
    const before = this.find(one.conversation);
    this.all = put(this.all, one);
    return before;
  }

  /** No row moves away under the pointer. */
  hover(over: boolean) {
    this.#held = over ? ordered(this.all).map((one) => one.conversation) : null;
  }
}
