// The host when the page runs in the app's window: what a web view cannot do, the program around it does.
import { invoke } from '@tauri-apps/api/core';
import { type Capability, type Host, mayOpen } from '$lib/host/host';
import { t } from '$lib/i18n/fluent.svelte';
import type { Told } from './pipe';

/** Notifications that may still be clicked on. */
const MOST_SHOWN = 50;

export class WindowHost implements Host {
  readonly can: ReadonlySet<Capability> = new Set<Capability>(['notify', 'clipboard', 'autostart']);
  #shown = new Map<string, () => void>();
  #next = 0;
  #link: (link: string) => void = () => {};

  /** Hears what the window says. */
  heard(name: keyof Told, params: Told[keyof Told]) {
    if (name === 'host_link' && 'link' in params) this.#link(params.link);
    if (name === 'host_open' && 'id' in params) this.#shown.get(params.id)?.();
  }

  notify(title: string, text: string, open: () => void) {
    const id = String(this.#next++);
    this.#shown.set(id, open);
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > MOST_SHOWN && oldest !== undefined) this.#shown.delete(oldest);
    void wish('notify', { title, body: text, id, reply: t('reply') });
  }

  async allowNotifying() {
    return true;
  }

  badge(count: number) {
    void wish('badge', { count });
  }

  copy(text: string) {
    return navigator.clipboard.writeText(text);
  }

  openOutside(address: string) {
    if (mayOpen(address)) void wish('open', { url: address });
  }

  onLink(listener: (link: string) => void) {
    this.#link = listener;
    // The one that the app was started with waits to be asked for.
    void wish<string | null>('first_link').then((link) => link && listener(link));
  }

  autostart(on?: boolean) {
    return wish<boolean>('autostart', { on });
  }
}

/** Asks the program around the page for something; one call of `desktop/src/host.rs`. */
const wish = <T>(call: string, params?: object) => invoke<T>('host', { wish: { call, params } });
