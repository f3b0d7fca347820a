// What the page wants of the system around it. A browser gives little, the window more; the page asks before it shows a button.

export type Capability = 'notify' | 'clipboard' | 'share';

export interface Host {
  readonly can: ReadonlySet<Capability>;
  /** Shows that something happened; `open` is called when the person clicks on it. */
  notify(title: string, text: string, open: () => void): void;
  /** Asks the person whether they want to be shown such things. */
  allowNotifying(): Promise<boolean>;
  /** How much is unread, on the icon or in the title. */
  badge(count: number): void;
  copy(text: string): Promise<void>;
  /** Opens an address outside; only http, https and mailto. */
  openOutside(address: string): void;
}

/** The kinds of address that are opened at all. */
export const mayOpen = (address: string): boolean => /^(https?:\/\/|mailto:)/i.test(address);
