// Words on the page come from Fluent files in `public/locales`, fetched when the page starts and when the language
// changes. They are data: another language is a folder and a line in `index.json`.
import { FluentBundle, FluentResource, type FluentVariable } from '@fluent/bundle';

export type Words = Record<string, FluentVariable>;

interface Index {
  languages: Record<string, string>;
  files: string[];
}

const FALLBACK = 'en';

class Language {
  /** The tag that is spoken now. */
  tag = $state(FALLBACK);
  /** Tags with their own names for themselves. */
  languages = $state.raw<Record<string, string>>({});
  #bundles = $state.raw<FluentBundle[]>([]);
  #index: Index | undefined;
  #loaded = new Map<string, FluentBundle>();

  /** Speaks what was wished, or the nearest that there is: `system` asks the browser. */
  async speak(wish: string): Promise<void> {
    this.#index ??= (await (await fetch('/locales/index.json')).json()) as Index;
    this.languages = this.#index.languages;
    const wishes = wish === 'system' ? navigator.languages : [wish];
    const tag = nearest(wishes, Object.keys(this.#index.languages));
    const spoken = await this.#load(tag);
    this.#bundles = tag === FALLBACK ? [spoken] : [spoken, await this.#load(FALLBACK)];
    this.tag = tag;
    document.documentElement.lang = tag;
  }

  has(key: string): boolean {
    return this.#bundles.some((bundle) => bundle.hasMessage(key));
  }

  say(key: string, words?: Words): string {
    for (const bundle of this.#bundles) {
      const message = bundle.getMessage(key);
      if (message?.value) return bundle.formatPattern(message.value, words, []);
    }
    return key;
  }

  async #load(tag: string): Promise<FluentBundle> {
    const had = this.#loaded.get(tag);
    if (had) return had;
    const bundle = new FluentBundle(tag, { useIsolating: false });
    const fetched = (this.#index?.files ?? []).map((file) =>
      fetch(`/locales/${tag}/${file}`).then((reply) => reply.text()),
    );
    for (const text of await Promise.all(fetched)) bundle.addResource(new FluentResource(text));
    this.#loaded.set(tag, bundle);
    return bundle;
  }
}

/** The first wish that is there: itself, or for Chinese by script, or by language alone. */
export function nearest(wishes: readonly string[], there: readonly string[]): string {
  for (const wish of wishes) {
    const exact = there.find((tag) => tag.toLowerCase() === wish.toLowerCase());
    if (exact) return exact;
    const language = wish.split('-')[0]?.toLowerCase();
    const same = there.find((tag) => tag.split('-')[0]?.toLowerCase() === language);
    if (same) return same;
  }
  return FALLBACK;
}

export const language = new Language();
export const t = (key: string, words?: Words): string => language.say(key, words);
