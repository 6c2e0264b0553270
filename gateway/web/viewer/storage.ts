// What the page keeps in the browser, and the clock that tells how old it is. Storage may be switched off; then nothing is kept, and
// each visit begins anew.

/** null when nothing is kept under this name, or nothing can be. */
export function held(storage: Storage, name: string): string | null {
  try {
    return storage.getItem(name);
  } catch {
    return null;
  }
}

/** Keeps a text under a name, or nothing where the browser forbids it. */
export function keep(storage: Storage, name: string, value: string): void {
  try {
    storage.setItem(name, value);
  } catch {
    // Not kept: it lasts as long as the page.
  }
}

/** Forgets what was kept under a name. */
export function drop(storage: Storage, name: string): void {
  try {
    storage.removeItem(name);
  } catch {
    // Nothing was kept.
  }
}

/** The wall clock of this machine, epoch ms; it may be wrong, so only spans are read from it. */
export function localNowMs(): number {
  // biome-ignore lint/nursery/noJsRestrictedProperties: the page's only reading of the clock, for how long a kept guest still lasts
  return Date.now();
}
