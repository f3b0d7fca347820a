// Chooses the transport: a pretended peer for tests and looking around, or the socket of the web door.
import { socket } from './socket';
import type { Transport } from './transport';

export async function pick(): Promise<Transport> {
  if (import.meta.env.MODE === 'mock') return (await import('./mock/transport')).mock();
  return socket();
}
