// What each picture shows, as a person would come to see it: opens the page, bids by its buttons, waits until it says so.
// biome-ignore lint/style/noRestrictedImports: pictures are taken with the browser that the tests use
import type { Browser, BrowserContext, Page } from "playwright-core";
import { wait } from "../clock.ts";
import type { BidderName, Scene } from "./scene.ts";

const DUEL = "Brass sextant, Heath & Co.";
const PHONE_LOT = "Violin, Mittenwald school";
const SOLD_LOT = "Ship's anchor lamp, copper";
const SOLD_OPEN_MS = 24_000;
const DESK = { width: 1_280, height: 1_040 };
const PHONE = { width: 390, height: 844 };
/** A moved price stays underlined for 1.5 s; this long after the move its digits have come to rest. */
const ROLLED_MS = 300;
/** Tries to have a picture done while the underline stands. */
const TRIES_MAX = 6;
const PRESSES_MAX = 12;
const BETWEEN_BIDS_MS = 2_600;

export interface Studio {
  readonly browser: Browser;
  readonly url: string;
  readonly scene: Scene;
  /** Keeps a picture under this name. */
  keep(name: string, picture: Buffer): void;
}

type Scheme = "light" | "dark";

/** All pictures, one sale after the other. Rejects when something does not come to be seen. */
export async function takeAll(studio: Studio): Promise<void> {
  const desk = await newContext(studio, "desk");
  await duel(studio, desk);
  await list(studio, desk);
  await sold(studio, desk);
  await phone(studio);
}

async function newContext({ browser }: Studio, device: "desk" | "phone"): Promise<BrowserContext> {
  const common = { locale: "en-GB", timezoneId: "Europe/London" };
  const options = device === "desk" ? { viewport: DESK, deviceScaleFactor: 1.5 } : { viewport: PHONE, deviceScaleFactor: 2, hasTouch: true };
  // As on a phone, scroll bars lie over the page and leave no empty stripe beside it.
  return await browser.newContext({ ...common, ...options, isMobile: true });
}

async function open(studio: Studio, context: BrowserContext, path: string, scheme: Scheme): Promise<Page> {
  const page = await context.newPage();
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(studio.url + path);
  await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Live" }).waitFor();
  await page.locator("main:not([aria-busy])").waitFor();
  return page;
}

/** Bids of two rivals in turn, far enough apart to be seen as steps. */
async function rivalry({ scene }: Studio, id: string, names: readonly [BidderName, BidderName], bids: number): Promise<void> {
  for (let placed = 0; placed < bids; placed += 1) {
    await scene.raise(placed % 2 === 0 ? names[0] : names[1], id, 1 + ((placed * 2) % 3));
    await wait(BETWEEN_BIDS_MS * (0.3 + ((placed * 5) % 7) / 5));
  }
}

/** The fight for one lot: the viewer bids, is outbid, bids again with a maximum, and the price rises below it. */
async function duel(studio: Studio, context: BrowserContext): Promise<void> {
  const { scene } = studio;
  const id = scene.lot(DUEL);
  await rivalry(studio, id, ["ada", "bo"], 11);
  const page = await open(studio, context, `/auctions/${id}`, "light");
  await takeLead(page);
  await wait(BETWEEN_BIDS_MS);
  await scene.raise("cleo", id, 2);
  await page.getByRole("alert").waitFor();
  studio.keep("outbid", await moved(page, () => scene.raise("dov", id, 2)));
  await rivalry(studio, id, ["bo", "cleo"], 3);
  const field = page.getByRole("textbox", { name: /maximum/ });
  await field.fill("480");
  await field.press("Enter");
  await page.getByText(/^You lead, your maximum is/).waitFor();
  await field.blur();
  await wait(BETWEEN_BIDS_MS);
  studio.keep("auction-light", await moved(page, () => scene.raise("ada", id, 1)));
  await wait(BETWEEN_BIDS_MS);
  await page.emulateMedia({ colorScheme: "dark" });
  studio.keep("auction-dark", await moved(page, () => scene.raise("esi", id, 1)));
  await page.close();
}

/** Presses the first button until the viewer leads: rivals may hold maximums. */
async function takeLead(page: Page): Promise<void> {
  const leads = page.getByText(/^You lead/).first();
  for (let presses = 0; presses < PRESSES_MAX; presses += 1) {
    await page
      .getByRole("button", { name: /^Bid [£€]/ })
      .first()
      .click();
    await wait(BETWEEN_BIDS_MS / 2);
    if (await leads.isVisible()) return;
    await wait(BETWEEN_BIDS_MS / 2);
  }
  throw new Error(`outbid ${PRESSES_MAX} times in a row`);
}

async function list(studio: Studio, context: BrowserContext): Promise<void> {
  const { scene } = studio;
  const page = await open(studio, context, "/", "light");
  await page.getByRole("listitem").nth(8).getByText("left").waitFor();
  studio.keep("list-light", await moved(page, () => scene.raise("cleo", scene.lot("Model of the brig Ann, 1:64"), 2)));
  await page.close();
}

/** A lot that the viewer wins. */
async function sold(studio: Studio, context: BrowserContext): Promise<void> {
  const { scene } = studio;
  const id = await scene.open(SOLD_LOT, SOLD_OPEN_MS);
  const page = await open(studio, context, `/auctions/${id}`, "light");
  await scene.raise("bo", id, 1);
  await wait(BETWEEN_BIDS_MS);
  await scene.raise("esi", id, 3);
  const field = page.getByRole("textbox", { name: /maximum/ });
  await field.fill("240");
  await field.press("Enter");
  await page.getByText(/^You lead, your maximum is/).waitFor();
  await field.blur();
  for (const steps of [2, 1, 2]) {
    await wait(BETWEEN_BIDS_MS);
    await scene.raise("bo", id, steps);
  }
  await page.getByRole("heading", { name: "Sold, to you" }).waitFor({ timeout: SOLD_OPEN_MS + 20_000 });
  await page.getByRole("heading", { name: "Still on sale" }).waitFor();
  await wait(ROLLED_MS);
  studio.keep("sold", await page.screenshot());
  await page.close();
}

async function phone(studio: Studio): Promise<void> {
  const { scene } = studio;
  const context = await newContext(studio, "phone");
  const id = scene.lot(PHONE_LOT);
  const page = await open(studio, context, `/auctions/${id}`, "light");
  studio.keep("phone", await moved(page, () => scene.raise("dov", id, 1)));
  await takeLead(page);
  await scene.raise("cleo", id, 2);
  await page.getByRole("alert").waitFor();
  await page.emulateMedia({ colorScheme: "dark" });
  studio.keep("phone-dark", await moved(page, () => scene.raise("finn", id, 2)));
  await context.close();
}

/** A picture of the page while a price that has just moved is still underlined. */
async function moved(page: Page, move: () => Promise<unknown>): Promise<Buffer> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    await move();
    await page.locator(".moved").last().waitFor();
    await wait(ROLLED_MS);
    const picture = await page.screenshot();
    if (await underlined(page)) return picture;
    await wait(BETWEEN_BIDS_MS);
  }
  throw new Error(`no picture of a moved price in ${TRIES_MAX} tries: the machine is too busy`);
}

/** Whether the red line stands now, so that it stood in a picture taken before. */
async function underlined(page: Page): Promise<boolean> {
  return await page.evaluate<boolean>("[...document.querySelectorAll('.moved')].some((line) => Number(getComputedStyle(line).opacity) > 0.9)");
}
