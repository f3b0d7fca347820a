// What the page wants of the system around it. A browser gives little, the window more; the page asks before it shows a button.

export type Capability = 'notify' | 'clipboard' | 'autostart';

/** What a person did outside the page: opened a link, clicked on a notification, or answered in one. */
export type HostEvent =
  | { kind: 'link'; link: string }
  | { kind: 'open'; conversation: string }
  | { kind: 'reply'; conversation: string; text: string };

export interface Host {
  readonly can: ReadonlySet<Capability>;
  onEvent(listener: (event: HostEvent) => void): void;
  /** Shows that something happened in a conversation. */
  notify(title: string, text: string, conversation: string): void;
  /** Asks the person whether they want to be shown such things. */
  allowNotifying(): Promise<boolean>;
  /** How much is unread, on the icon or in the title. */
  badge(count: number): void;
  copy(text: string): Promise<void>;
  /** Opens an address outside; only http, https and mailto. */
  openOutside(address: string): void;
  /** Whether Bayou starts with the session; `on` changes that. */
  autostart?(on?: boolean): Promise<boolean>;
}

/** The kinds of address that are opened at all. */
export const mayOpen = (address: string): boolean => /^(https?:\/\/|mailto:)/i.test(address);
