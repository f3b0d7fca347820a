// An answer that is asked for again when what it depends on changes; the old one stays until the new one is here.
import { words } from '$lib/rpc/transport';

export class Asked<T> {
  value = $state.raw<T | null>(null);
  error = $state('');
  #round = 0;

  /** To be made while a component begins: what `ask` reads makes it ask again. */
  constructor(private readonly ask: () => Promise<T>) {
    $effect(() => void this.again());
  }

  async again() {
    const round = (this.#round += 1);
    try {
      const value = await this.ask();
      if (round === this.#round) [this.value, this.error] = [value, ''];
    } catch (error) {
      if (round === this.#round) this.error = words(error);
    }
  }
}
