// Chooses what is at the other end: the window, a pretended peer for tests and looking around, or the socket of the web door.
import { BrowserHost } from '$lib/host/browser';
import type { Host } from '$lib/host/host';
import { socket } from './socket';
import type { Transport } from './transport';

export async function pick(): Promise<{ transport: Transport; host: Host }> {
  if ('__TAURI_INTERNALS__' in window) return (await import('./tauri')).tauri();
  const host = new BrowserHost();
  if (import.meta.env.MODE === 'mock') return { transport: (await import('./mock/transport')).mock(), host };
  return { transport: await socket(), host };
}
