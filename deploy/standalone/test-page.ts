// The live page in a real browser over a whole system, for tests: auctions to look at, rivals to bid, pages to press on.
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { WebSocket } from "ws";
import { type Client, connect } from "../../gateway/client/client.ts";
import { SpawnedSystem } from "./spawned-system.ts";

/** undefined: no browser on this machine. */
export const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
export const WITHOUT_CHROMIUM = "no Chromium on this machine: apt-get install chromium";

const HOUR_MS = 3_600_000;

export interface Sale {
  readonly title: string;
  readonly category?: string;
  readonly durationMs?: number;
  readonly images?: readonly string[];
  readonly more?: object;
}

type ContextOptions = NonNullable<Parameters<Browser["newContext"]>[0]>;

/** A system with a seller, a browser, and what the current test opened. */
export class House {
  readonly system: SpawnedSystem;
  readonly seller: Client;
  readonly #browser: Browser;
  readonly #rivals: Client[] = [];
  readonly #contexts: BrowserContext[] = [];
  readonly #broken: string[] = [];

  private constructor(system: SpawnedSystem, browser: Browser, seller: Client) {
    this.system = system;
    this.#browser = browser;
    this.seller = seller;
  }

  /** Rejects when system or browser do not start. */
  static async open(): Promise<House> {
    if (CHROMIUM === undefined) throw new Error(WITHOUT_CHROMIUM);
    const [system, browser] = await Promise.all([new SpawnedSystem().ready(), chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: false })]);
    const seller = connect({ url: system.url, token: await system.token("seller-1", ["seller"]), webSocket: WebSocket });
    return new House(system, browser, seller);
  }

  /** An auction in USD from 100.00 on, in eBay's steps, for an hour. Rejects when it is not accepted. */
  async auction({ title, category = "vase", durationMs = HOUR_MS, images = [], more = {} }: Sale): Promise<string> {
    const answer = await this.seller.auctions.create({
      lot: { title, description: "With its case.", category, images },
      currency: "USD",
      openingPriceMinor: 10_000,
      increments: "ebay_us",
      opensAtMs: this.seller.clock.serverNow(),
      durationMs,
      ...more,
    });
    if (answer.verdict !== "accepted") throw new Error(`not created: ${JSON.stringify(answer)}`);
    return answer.auctionId;
  }

  /** The catalogue is a second behind: waits until it lists an auction. */
  async listed(auctionId: string): Promise<string> {
    for (;;) {
      for await (const auction of this.seller.auctions.list({ phase: "open", limit: 100 })) if (auction.auctionId === auctionId) return auctionId;
    }
  }

  async rival(name: string): Promise<Client> {
    const rival = connect({ url: this.system.url, token: await this.system.token(name), webSocket: WebSocket });
    this.#rivals.push(rival);
    return rival;
  }

  /** A page of a visitor of its own. `prepare` runs before anything is loaded. */
  async page(path: string, options: ContextOptions = {}, prepare: (context: BrowserContext) => Promise<unknown> = () => Promise.resolve()): Promise<Page> {
    const context = await this.#browser.newContext({ locale: "en-US", viewport: { width: 1_280, height: 900 }, ...options });
    this.#contexts.push(context);
    await prepare(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.#broken.push(String(error)));
    await page.goto(this.system.url + path);
    return page;
  }

  /** Ends what the test opened. Returns the exceptions that its pages threw. */
  async tidy(): Promise<readonly string[]> {
    await Promise.all([...this.#contexts.splice(0).map((context) => context.close()), ...this.#rivals.splice(0).map((rival) => rival.close())]);
    return this.#broken.splice(0);
  }

  async close(): Promise<void> {
    await this.tidy();
    await this.seller.close();
    await this.#browser.close();
    await this.system.remove();
  }
}

/** Waits until the page says that it is live, and shows what it was opened for. */
export async function live(page: Page): Promise<void> {
  await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Live" }).waitFor();
  await page.locator("main:not([aria-busy])").waitFor();
}
