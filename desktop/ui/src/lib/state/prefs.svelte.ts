// How somebody likes their front end. Theme and language are the peer's and go to all devices of a person; what depends
// on the screen in front of them stays in this browser.
import { language } from '$lib/i18n/fluent.svelte';
import type { Transport } from '$lib/rpc/transport';

interface Local {
  /** Height of text: pixels to a rem. */
  size: number;
  /** Which key sends: Enter, or Ctrl+Enter. */
  enter: 'send' | 'line';
  notify: boolean;
  list: number;
  /** The conversation that was open last, by its id. */
  open: string | null;
  details: number;
}

export const SIZES = [14, 16, 18, 20, 22] as const;
export const LIST = { least: 220, most: 420, usual: 312 } as const;
export const DETAILS = { least: 260, most: 480, usual: 328 } as const;
const USUAL: Local = { size: 16, enter: 'send', notify: false, open: null, list: LIST.usual, details: DETAILS.usual };
const PLACE = 'bayou';

function stored(): Local {
  try {
    return { ...USUAL, ...(JSON.parse(localStorage.getItem(PLACE) ?? '{}') as Partial<Local>) };
  } catch {
    return USUAL;
  }
}

export class Prefs {
  local = $state.raw<Local>(stored());
  theme = $state('system');
  language = $state('system');
  /** The settings that are only for others to heed. */
  others = $state.raw<Record<string, string>>({});

  constructor(private readonly transport: Transport) {
    this.show();
  }

  set<K extends keyof Local>(key: K, value: Local[K]) {
    this.local = { ...this.local, [key]: value };
    localStorage.setItem(PLACE, JSON.stringify(this.local));
    this.show();
  }

  /** Changes a setting on all devices; it takes hold here at once. */
  async choose(key: string, value: string) {
    this.took({ theme: this.theme, language: this.language, ...this.others, [key]: value });
    this.took((await this.transport.call('settings', { key, value })).settings);
  }

  took(settings: Record<string, string>) {
    const { theme = 'system', language: wish = 'system', ...others } = settings;
    this.theme = theme;
    this.others = others;
    if (wish !== this.language) {
      this.language = wish;
      void language.speak(wish);
    }
    this.show();
  }

  /** Puts it onto the document. */
  show() {
    const root = document.documentElement;
    root.style.fontSize = `${this.local.size}px`;
    root.style.colorScheme = this.theme === 'light' || this.theme === 'dark' ? this.theme : 'light dark';
  }
}
