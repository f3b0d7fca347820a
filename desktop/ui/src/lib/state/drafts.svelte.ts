// The drafts of all conversations, with the one timer that notes them.
import type { Transport } from '$lib/rpc/transport';
import { cleared, type Draft, EMPTY, heard, noted, typed } from './draft';

export class Drafts {
  all = $state.raw<Record<string, Draft>>({});
  #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly transport: Transport) {}

  text(conversation: string): string {
    return this.all[conversation]?.text ?? '';
  }

  typed(conversation: string, text: string) {
    this.#put(conversation, typed(this.all[conversation] ?? EMPTY, text, Date.now()));
  }

  cleared(conversation: string) {
    this.#put(conversation, cleared(Date.now()));
  }

  heard(conversation: string, text: string) {
    this.all = { ...this.all, [conversation]: heard(this.all[conversation] ?? EMPTY, text) };
  }

  async load(conversation: string) {
    this.heard(conversation, (await this.transport.call('draft', { conversation })).text);
  }

  /** Notes at once what is due: the page is left, or another conversation is opened. */
  flush() {
    for (const conversation of this.#timers.keys()) this.#note(conversation);
  }

  #put(conversation: string, draft: Draft) {
    this.all = { ...this.all, [conversation]: draft };
    clearTimeout(this.#timers.get(conversation));
    if (draft.due === null) return;
    this.#timers.set(
      conversation,
      setTimeout(() => this.#note(conversation), draft.due - Date.now()),
    );
  }

  #note(conversation: string) {
    clearTimeout(this.#timers.get(conversation));
    this.#timers.delete(conversation);
    const draft = this.all[conversation];
    if (!draft || draft.due === null) return;
    this.all = { ...this.all, [conversation]: noted(draft) };
    // A draft that is not noted is still in the box: typing on notes it again.
    this.transport.call('draft', { conversation, text: draft.text }).catch(() => {});
  }
}
