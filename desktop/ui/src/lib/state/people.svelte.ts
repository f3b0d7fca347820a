// People: what we call them, their pictures, and who asks what of whom.
import type { Asked, Asker, Contact, Profile } from '$lib/rpc/bindings';
import type { Transport } from '$lib/rpc/transport';

export class People {
  contacts = $state.raw<Contact[]>([]);
  profile = $state.raw<Profile | null>(null);
  received = $state.raw<Asker[]>([]);
  sent = $state.raw<Asked[]>([]);
  #pictures = $state.raw<Record<string, string>>({});
  /** Which picture of somebody was asked for, so that each is asked for once. */
  #asked = new Map<string, string>();
  #names = $derived(new Map(this.contacts.map((one) => [one.user, one.petname ?? one.name])));

  constructor(private readonly transport: Transport) {}

  async load() {
    const [{ contacts }, { profile }] = await Promise.all([
      this.transport.call('contacts'),
      this.transport.call('profile', {}),
      this.loadRequests(),
    ]);
    this.contacts = contacts;
    this.profile = profile;
    for (const one of [...contacts, profile]) void this.#fetch(one.user, one.avatar);
  }

  async loadRequests() {
    const { received, sent } = await this.transport.call('requests');
    this.received = received;
    this.sent = sent;
  }

  /** What we call somebody; else what they call themselves. */
  name(user: string, theirs: string): string {
    return this.#names.get(user) ?? theirs;
  }

  find(user: string): Contact | undefined {
    return this.contacts.find((one) => one.user === user);
  }

  picture(user: string): string | null {
    return this.#pictures[user] ?? null;
  }

  heard(profile: Profile) {
    this.contacts = this.contacts.map((one) => (one.user === profile.user ? { ...one, ...profile } : one));
    if (this.profile?.user === profile.user) this.profile = profile;
    void this.#fetch(profile.user, profile.avatar);
  }

  async change(change: { name?: string; status?: string; avatar?: string }) {
    const { profile } = await this.transport.call('profile', change);
    this.heard(profile);
    this.profile = profile;
  }

  async #fetch(user: string, picture: string | null) {
    if (!picture) {
      this.#asked.delete(user);
      this.#pictures = Object.fromEntries(Object.entries(this.#pictures).filter(([whose]) => whose !== user));
      return;
    }
    if (this.#asked.get(user) === picture) return;
    this.#asked.set(user, picture);
    try {
      const { avatar } = await this.transport.call('avatar', { user });
      this.#pictures = { ...this.#pictures, [user]: `data:${avatar.kind};base64,${avatar.image}` };
    } catch {
      // It is not here yet: a `profile` event tells when it is.
      this.#asked.delete(user);
    }
  }
}
