// The host when the page runs in the window: what it wants is one command, `host`.
import { invoke } from '@tauri-apps/api/core';
import { type Capability, type Host, type HostEvent, mayOpen } from './host';

export class TauriHost implements Host {
  readonly can: ReadonlySet<Capability> = new Set<Capability>(['notify', 'autostart']);
  #listener: (event: HostEvent) => void = () => {};
  /** What came before anybody listened: the link with which the app was started. */
  #early: HostEvent[] = [];
  #listening = false;

  #ask<T>(call: string, params: object): Promise<T> {
    return invoke<T>('host', { call, params });
  }

  heard(message: string) {
    const { method, params } = JSON.parse(message) as { method: string; params: Record<string, string> };
    const { link = '', conversation = '', text = '' } = params;
    const event: HostEvent =
      method === 'host_link'
        ? { kind: 'link', link }
        : method === 'host_reply'
          ? { kind: 'reply', conversation, text }
          : { kind: 'open', conversation };
    if (this.#listening) this.#listener(event);
    else this.#early.push(event);
  }

  onEvent(listener: (event: HostEvent) => void) {
    this.#listener = listener;
    this.#listening = true;
    this.#early.splice(0).forEach(listener);
  }

  notify(title: string, body: string, conversation: string) {
    void this.#ask('notify', { title, body, conversation });
  }

  async allowNotifying() {
    return true;
  }

  badge(count: number) {
    document.title = count > 0 ? `(${count}) Bayou` : 'Bayou';
    void this.#ask('badge', { count });
  }

  copy(text: string) {
    return navigator.clipboard.writeText(text);
  }

  openOutside(address: string) {
    if (mayOpen(address)) void this.#ask('open', { url: address });
  }

  autostart(on?: boolean) {
    return this.#ask<boolean>('autostart', { on });
  }
}
