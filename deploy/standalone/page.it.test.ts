// The live page in a real browser over the whole system, found as a person finds things: by role and name.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { CHROMIUM, House, live, WITHOUT_CHROMIUM } from "./test-page.ts";

let house: House;

beforeAll(async () => {
  if (CHROMIUM !== undefined) house = await House.open();
}, 120_000);

afterEach(async () => {
  expect(await house?.tidy()).toEqual(CHROMIUM === undefined ? undefined : []);
});

afterAll(() => house?.close());

/** A test that needs a browser; without one it is skipped and counted. */
function browserTest(name: string, run: () => Promise<void>): void {
  test(name, async (context) => {
    if (CHROMIUM === undefined) context.skip(WITHOUT_CHROMIUM);
    await run();
  });
}

browserTest("page: list: lots ending soon first, one socket for all, and a price that moves moves in place", async () => {
  const title = "Celadon vase, first of the list";
  const id = await house.listed(await house.auction({ title, durationMs: 1_200_000 }));
  const sockets: string[] = [];
  const page = await house.page("/", {}, (context) =>
    Promise.resolve(context.on("page", (opened) => opened.on("websocket", (socket) => sockets.push(socket.url())))),
  );
  await live(page);
  const card = page.getByRole("listitem").filter({ hasText: title });
  await card.getByText("$100.00").waitFor();
  expect(await page.getByRole("listitem").first().textContent()).toContain(title);
  const rival = await house.rival("rival-list");
  await rival.placeBid({ auctionId: id, amountMinor: 10_000, currency: "USD" });
  await card.getByText("1 bid", { exact: true }).waitFor();
  await card.getByText("asking $102.50").waitFor();
  expect(sockets).toHaveLength(1);
});

browserTest("page: list: a filter by words stands in the address and is found again", async () => {
  await house.listed(await house.auction({ title: "Theodolite in its box" }));
  await house.listed(await house.auction({ title: "Barometer" }));
  const page = await house.page("/");
  await page.getByRole("listitem").filter({ hasText: "Barometer" }).waitFor();
  await page.getByRole("searchbox", { name: "Search" }).fill("theodolite");
  await page.getByRole("listitem").filter({ hasText: "Barometer" }).waitFor({ state: "detached" });
  await page.getByRole("listitem").filter({ hasText: "Theodolite" }).waitFor();
  expect(page.url()).toContain("q=theodolite");
  await page.reload();
  await page.getByRole("listitem").filter({ hasText: "Theodolite" }).waitFor();
  await page.getByRole("searchbox", { name: "Search" }).fill("no such words");
  await page.getByText("No lot fits this filter.").waitFor();
});

browserTest("page: guest: bids at a press, leads, is outbid, and leads again at one press", async () => {
  const id = await house.auction({ title: "Brass sextant", category: "sextant" });
  const rival = await house.rival("rival-outbid");
  const page = await house.page(`/auctions/${id}`);
  await page.getByText("Demo: guest identities, nothing here is real.").waitFor();
  await page.getByRole("button", { name: "Bid $100.00" }).click();
  await page.getByText("You lead at $100.00.").waitFor();
  await rival.placeBid({ auctionId: id, amountMinor: 10_250, currency: "USD" });
  const bar = page.getByRole("alert");
  await bar.getByText("Outbid. Now $102.50.").waitFor();
  await bar.getByRole("button", { name: "Bid $105.00" }).click();
  await page.getByText("You lead, your maximum is $105.00").waitFor();
  await bar.waitFor({ state: "detached" });
  expect(await page.getByRole("region", { name: "Bids" }).getByText("You", { exact: true }).count()).toBe(2);
  await expect.poll(() => page.title()).toMatch(/^\$105\.00 · 59:\d\d · Brass sextant$/);
});

browserTest("page: maximum: Enter bids, a rival's higher maximum is told at once, and a bid too low is answered with the price to press", async () => {
  const id = await house.auction({ title: "Bracket clock", category: "clock" });
  const rival = await house.rival("rival-maximum");
  await rival.placeBid({ auctionId: id, amountMinor: 50_000, currency: "USD" });
  const page = await house.page(`/auctions/${id}`);
  await live(page);
  const field = page.getByRole("textbox", { name: "Your maximum" });
  await field.fill("200");
  await field.press("Enter");
  await page.getByText("Outbid at once: a rival's maximum is higher.").waitFor();
  await field.fill("1.00");
  await field.press("Enter");
  await page.getByText("Your bid of $1.00 is below the asking price of $205.00.").waitFor();
  await page.locator("#bid-said").getByRole("button", { name: "Bid $205.00" }).waitFor();
  await field.fill("lots");
  await page.getByText("Type an amount in USD").waitFor();
});

browserTest("page: keyboard: from the address to a bid without a pointer", async () => {
  const id = await house.auction({ title: "Desk lamp", category: "lamp" });
  const page = await house.page(`/auctions/${id}`);
  await live(page);
  const bid = page.getByRole("button", { name: "Bid $100.00" });
  for (let presses = 0; presses < 10 && !(await bid.evaluate((element) => element === element.ownerDocument.activeElement)); presses++)
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("You lead at $100.00.").waitFor();
});

browserTest("page: last seconds: fair warning, an extension is told with its bid, and the hammer names the winner", async () => {
  const softClose = { windowMs: 6_000, amountMs: 6_000, base: "bid", cap: { count: 1, totalMs: null, hardStop: null } };
  const id = await house.auction({ title: "Violin with bow", category: "violin", durationMs: 9_000, more: { softClose } });
  const page = await house.page(`/auctions/${id}`);
  await page.getByRole("heading", { name: "Fair warning" }).waitFor();
  await page.getByRole("timer").filter({ hasText: "0:05" }).waitFor();
  await page.getByRole("button", { name: "Bid $100.00" }).click();
  await page.getByText(/^\+0:0\d, by bid \d+$/).waitFor();
  await page.getByRole("heading", { name: "Sold, to you" }).waitFor();
  await page.getByText("The lot is yours for $100.00.").waitFor();
  await page.getByRole("heading", { name: "Still on sale" }).waitFor();
});

browserTest("page: passed: nobody bid, said so", async () => {
  const id = await house.auction({ title: "Unloved teapot", category: "teapot", durationMs: 2_000 });
  const page = await house.page(`/auctions/${id}`);
  await page.getByRole("heading", { name: "Passed" }).waitFor();
  await page.getByText("Nobody bid, so the lot was not sold.").waitFor();
});

browserTest("page: gateway killed: the price is shown as old and bids are off, then both are live again with what happened meanwhile", async () => {
  const id = await house.auction({ title: "Sea chart", category: "map" });
  const rival = await house.rival("rival-killed");
  const page = await house.page(`/auctions/${id}`);
  await live(page);
  await rival.placeBid({ auctionId: id, amountMinor: 10_000, currency: "USD" });
  const back = house.system.kill("gateway");
  await page.getByText(/^as of \d+ s ago$/).waitFor();
  await page.getByText("Bidding is off until the price is live again.").waitFor();
  expect(await page.getByRole("button", { name: "Bid $102.50" }).isDisabled()).toBe(true);
  await expect.poll(() => page.title()).toMatch(/^not live · /);
  await back;
  await rival.placeBid({ auctionId: id, amountMinor: 10_250, currency: "USD" }, { deadlineMs: 30_000 });
  await live(page);
  await page.getByRole("button", { name: "Bid $105.00" }).click();
  await page.getByText("You lead at $105.00.").waitFor();
});

browserTest("page: engine frozen, then killed: the bid under way is asked again by itself, is answered by the next owner, and counts once", async () => {
  const id = await house.auction({ title: "Model of a clipper", category: "ship" });
  const page = await house.page(`/auctions/${id}`);
  await live(page);
  process.kill(house.system.pid("engine"), "SIGSTOP");
  await page.getByRole("button", { name: "Bid $100.00" }).click();
  await page.getByText("Sending your bid of $100.00").waitFor();
  await house.system.kill("engine");
  await page.getByText("You lead at $100.00.").waitFor();
  await page.getByText("1 bid", { exact: true }).waitFor();
});

browserTest("page: bidder's clock three hours wrong: the countdown is right", async () => {
  const id = await house.auction({ title: "Pocket watch", category: "watch", durationMs: 1_800_000 });
  const wrong = "{ const now = Date.now; Date.now = () => now() + 10800000; }";
  const page = await house.page(`/auctions/${id}`, {}, (context) => context.addInitScript(wrong));
  await page
    .getByRole("timer")
    .filter({ hasText: /^29:\d\d$/ })
    .waitFor();
});

browserTest("page: titles: 200 characters, right to left and markup are text and nothing else", async () => {
  const titles = ["x".repeat(200), "مخطوطة قديمة", "<img src=x onerror=alert(1)>"];
  const ids = await Promise.all(titles.map((title) => house.auction({ title })));
  for (const [at, id] of ids.entries()) {
    const page = await house.page(`/auctions/${id}`, { viewport: { width: 390, height: 844 } });
    await page.getByRole("heading", { level: 1, name: titles[at] ?? "" }).waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    expect(await page.locator("main img").count()).toBe(0);
  }
});

browserTest("page: currencies: no fraction of a yen, thousandths of a dinar", async () => {
  const yen = await house.auction({
    title: "Iron teapot",
    more: { currency: "JPY", openingPriceMinor: 5_000, increments: { bands: [{ fromMinor: 0, stepMinor: 500 }] } },
  });
  const dinar = await house.auction({
    title: "Gold ring",
    more: { currency: "KWD", openingPriceMinor: 12_500, increments: { bands: [{ fromMinor: 0, stepMinor: 250 }] } },
  });
  await (await house.page(`/auctions/${yen}`)).getByRole("button", { name: "Bid ¥5,000" }).waitFor();
  await (await house.page(`/auctions/${dinar}`)).getByRole("button", { name: /^Bid KWD\s12\.500$/ }).waitFor();
});

browserTest("page: two hundred bids: the newest are shown, older ones on demand, down to the first", async () => {
  const id = await house.auction({ title: "Rangefinder camera", category: "camera" });
  const [ann, bob] = [await house.rival("rival-ann"), await house.rival("rival-bob")];
  for (let bids = 0, askingMinor = 10_000; bids < 200; bids++) {
    const answer = await (bids % 2 === 0 ? ann : bob).placeBid({ auctionId: id, amountMinor: askingMinor, currency: "USD" });
    expect(answer).toMatchObject({ verdict: "accepted" });
    askingMinor = answer.askingPriceMinor ?? askingMinor;
  }
  const page = await house.page(`/auctions/${id}`);
  await page.getByText("200 bids", { exact: true }).waitFor();
  const bids = page.getByRole("region", { name: "Bids" });
  const older = bids.getByRole("button", { name: "Show older bids" });
  expect(await bids.getByRole("listitem").count()).toBe(12);
  for (let presses = 0; presses < 8 && (await older.isVisible()); presses++) {
    const before = await bids.getByRole("listitem").count();
    await older.click();
    await bids.getByRole("listitem").nth(before).waitFor();
  }
  expect(await bids.getByRole("listitem").count()).toBe(200);
  expect(await bids.getByRole("listitem").last().textContent()).toContain("$100.00");
});

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Rules that axe-core finds broken, with the first place of each. */
async function violations(page: Page): Promise<unknown> {
  return await page.evaluate(`${AXE}; axe.run().then((found) => found.violations.map((each) => each.id + ": " + each.nodes[0].html))`);
}

browserTest("page: accessibility: axe-core finds nothing on list and auction, by day and by night, wide and narrow", async () => {
  const rival = await house.rival("rival-axe");
  for (const options of [{}, { colorScheme: "dark" }, { viewport: { width: 390, height: 844 } }] as const) {
    const id = await house.auction({ title: "Windsor chair", category: "chair", more: { buyNow: { priceMinor: 90_000 } } });
    const list = await house.page("/", { bypassCSP: true, ...options });
    await list.getByRole("listitem").first().getByText("left").waitFor();
    expect(await violations(list)).toEqual([]);
    const auction = await house.page(`/auctions/${id}`, { bypassCSP: true, ...options });
    await auction
      .getByRole("button", { name: /^Bid \$/ })
      .first()
      .click();
    await auction.getByText("You lead at").waitFor();
    await rival.placeBid({ auctionId: id, amountMinor: 1_000_000, currency: "USD" });
    await auction.getByRole("alert").waitFor();
    expect(await violations(auction)).toEqual([]);
  }
});
