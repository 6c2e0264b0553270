// A catalogue and metrics in memory, for tests of the socket side.
import { type Catalogue, type CatalogueEntry, CatalogueUnavailable } from "../ports.ts";
import type { SocketMetrics } from "./metrics.ts";

/** Lots by auction; away until told otherwise. */
export class TrialCatalogue implements Catalogue {
  readonly lots = new Map<string, CatalogueEntry>();
  away = false;

  add(): Promise<void> {
    return Promise.resolve();
  }

  entry(auctionId: string): Promise<CatalogueEntry | null> {
    return this.away ? Promise.reject(new CatalogueUnavailable()) : Promise.resolve(this.lots.get(auctionId) ?? null);
  }

  entries(): Promise<readonly CatalogueEntry[]> {
    return Promise.resolve([]);
  }

  list(): Promise<never> {
    return Promise.reject(new CatalogueUnavailable());
  }

  search(): Promise<never> {
    return Promise.reject(new CatalogueUnavailable());
  }

  healthy(): boolean {
    return !this.away;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Counts by name. */
export class TrialMetrics implements SocketMetrics {
  readonly counts = new Map<string, number>();

  disconnected(reason: string): void {
    this.#add(`disconnected ${reason}`, 1);
  }

  received(frames: number, bytes: number): void {
    this.#add("frames in", frames);
    this.#add("bytes in", bytes);
  }

  sent(frames: number, bytes: number): void {
    this.#add("frames out", frames);
    this.#add("bytes out", bytes);
  }

  updateAge(): void {
    this.#add("updates", 1);
  }

  updatesConflated(count: number): void {
    this.#add("conflated", count);
  }

  resumed(_recovered: string, why: string): void {
    this.#add(`resumed ${why}`, 1);
  }

  bidAttempted(): void {
    this.#add("attempted", 1);
  }

  bidAnswered(verdict: string): void {
    this.#add(verdict, 1);
  }

  bidFailed(code: string): void {
    this.#add(`failed ${code}`, 1);
  }

  answerReplayed(): void {
    this.#add("replayed", 1);
  }

  refused(code: string): void {
    this.#add(`refused ${code}`, 1);
  }

  rateLimited(policy: string): void {
    this.#add(`limited ${policy}`, 1);
  }

  #add(name: string, count: number): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }
}
