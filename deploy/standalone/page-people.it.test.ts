// Who looks at the live page and what they do beside bidding: identities, photographs, a bid taken back, a wish for little motion.
import type { BrowserContext, Page } from "playwright-core";
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

const GUEST = "fairwarning.guest";

/** User id in a token's claims. */
function userOf(token: string): unknown {
  return (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as { readonly user_id?: unknown }).user_id;
}

async function guestOf(page: Page): Promise<{ readonly token: string; readonly givenAtMs: number; readonly lastsMs: number }> {
  return JSON.parse(await page.evaluate<string>(`localStorage.getItem("${GUEST}")`)) as Awaited<ReturnType<typeof guestOf>>;
}

/** Makes the kept guest older, as if the page had been away, and loads it again. Returns what the page sent to ask for a guest. */
async function comeBackAfter(page: Page, shareOfLife: number): Promise<string | undefined> {
  const guest = await guestOf(page);
  const aged = { ...guest, givenAtMs: guest.givenAtMs - guest.lastsMs * shareOfLife };
  await page.evaluate(`localStorage.setItem("${GUEST}", ${JSON.stringify(JSON.stringify(aged))})`);
  const asked = page.waitForRequest((request) => request.url().endsWith("/v1/guests"));
  await page.reload();
  await live(page);
  return (await asked).headers().authorization;
}

browserTest("page: guest: a kept guest that grows old, or has run out by this clock, is renewed under the same id and keeps its lead", async () => {
  const id = await house.auction({ title: "Ship's bell" });
  const page = await house.page(`/auctions/${id}`);
  await page.getByRole("button", { name: "Bid $100.00" }).click();
  await page.getByText("You lead, your maximum is $100.00").waitFor();
  const first = await guestOf(page);
  for (const share of [0.6, 2]) {
    const before = await guestOf(page);
    expect(await comeBackAfter(page, share)).toBe(`Bearer ${before.token}`);
    await page.getByText("You lead, your maximum is $100.00").waitFor();
    const now = await guestOf(page);
    expect(userOf(now.token)).toBe(userOf(first.token));
    expect(now.givenAtMs).toBeGreaterThan(before.givenAtMs - before.lastsMs * share);
  }
});

browserTest("page: guest: a fresh guest is used as it is, and one that the house does not know is replaced by another", async () => {
  const page = await house.page("/");
  await live(page);
  const first = await guestOf(page);
  await page.reload();
  await live(page);
  expect((await guestOf(page)).token).toBe(first.token);
  await page.evaluate(`localStorage.setItem("${GUEST}", ${JSON.stringify(JSON.stringify({ ...first, token: `${first.token}x` }))})`);
  await page.reload();
  await live(page);
  expect(userOf((await guestOf(page)).token)).not.toBe(userOf(first.token));
});

/** Renders a second late, as a busy machine may: the gateway's refusal is here before the first rendering is. */
const LATE_RENDERING = "window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 1000);";

browserTest("page: guest: one that the house does not know is replaced even when the refusal comes before the page is drawn", async () => {
  const strange = `JSON.stringify({ token: "a.b.c", givenAtMs: Date.now(), lastsMs: 3600000 })`;
  const page = await house.page("/", {}, async (context) => {
    await context.addInitScript(LATE_RENDERING);
    await context.addInitScript(`localStorage.getItem("${GUEST}") ?? localStorage.setItem("${GUEST}", ${strange})`);
  });
  await live(page);
  expect(userOf((await guestOf(page)).token)).toMatch(/^guest-/);
});

browserTest("page: guest: told to wait for one, the page watches meanwhile and becomes a guest when the time has come", async () => {
  const id = await house.auction({ title: "Barograph" });
  let refusals = 0;
  const busyOnce = (context: BrowserContext): Promise<unknown> =>
    context.route("**/v1/guests", (route) =>
      refusals++ === 0
        ? route.fulfill({ status: 429, headers: { "retry-after": "2" }, json: { code: "rate_limited", retryAfterMs: 2_000 } })
        : route.continue(),
    );
  const page = await house.page(`/auctions/${id}`, {}, busyOnce);
  await page.getByText("Watching only, until your network may have another guest.").waitFor();
  await live(page);
  expect(await page.getByRole("button", { name: "Bid $100.00" }).isDisabled()).toBe(true);
  await page.getByText("Demo: guest identities, nothing here is real.").waitFor();
  await page.getByRole("button", { name: "Bid $100.00" }).click();
  await page.getByText("You lead at $100.00.").waitFor();
  expect(refusals).toBe(2);
});

browserTest("page: token: one in the address is used and taken out of it, and is kept for this tab only", async () => {
  const id = await house.auction({ title: "Astrolabe" });
  const page = await house.page(`/auctions/${id}#token=${await house.system.token("collector-7")}`);
  await live(page);
  expect(page.url()).toBe(`${house.system.url}/auctions/${id}`);
  expect(await page.getByText("Demo: guest identities").count()).toBe(0);
  await page.getByRole("button", { name: "Bid $100.00" }).click();
  await page.getByText("You lead at $100.00.").waitFor();
  await page.reload();
  await page.getByText("You lead, your maximum is $100.00").waitFor();
  expect(await page.evaluate(`localStorage.getItem("${GUEST}")`)).toBeNull();
});

browserTest("page: token: where there are no guests one watches, until a token is pasted; a bad one is told of and can be dropped", async () => {
  const id = await house.auction({ title: "Heliograph" });
  const noGuests = (context: BrowserContext): Promise<unknown> =>
    context.route("**/v1/about", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...((await response.json()) as object), guests: false } });
    });
  const page = await house.page(`/auctions/${id}`, {}, noGuests);
  await page.getByText("You are watching only. Bidding needs an identity.").waitFor();
  const field = page.getByLabel("Your token, to bid");
  await field.fill("not.a.token");
  await field.press("Enter");
  await page.getByRole("alert").getByText("Your token is not valid here, or has run out.").waitFor();
  await page.getByRole("button", { name: "Go on without it" }).click();
  await field.fill(await house.system.token("collector-8"));
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByRole("button", { name: "Bid $100.00" }).click();
  await page.getByText("You lead at $100.00.").waitFor();
});

browserTest("page: retraction: says what it will do, wants a reason and a second press, and strikes the bid for everybody", async () => {
  const id = await house.auction({ title: "Telescope" });
  const rival = await house.rival("rival-retraction");
  await rival.placeBid({ auctionId: id, amountMinor: 10_000, currency: "USD" });
  const page = await house.page(`/auctions/${id}`);
  await live(page);
  const takeBack = page.getByRole("button", { name: "Take my bid back" });
  expect(await takeBack.count()).toBe(0);
  await page.getByRole("button", { name: "Bid $102.50" }).click();
  await takeBack.press("Enter");
  await page.getByText("Your newest bid is struck out, for everybody to see.").waitFor();
  const really = page.getByRole("button", { name: "Take it back" });
  await really.click();
  expect(await page.getByText("You lead, your maximum is $102.50").isVisible()).toBe(true);
  await page.getByRole("radio", { name: "I mistyped the amount" }).check();
  await really.click();
  await page.getByText("Taken back. The price is now $100.00.").waitFor();
  await page.getByText("Bidder 1 leads").waitFor();
  await page.getByRole("listitem").filter({ hasText: "retracted" }).getByText("$102.50").waitFor();
  await takeBack.waitFor({ state: "detached" });
});

/** Pictures that load, but for one that does not. */
async function withPictures(context: BrowserContext): Promise<void> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><rect width="60" height="40" fill="#765"/></svg>`;
  await context.route("https://pictures.example/**", (route) =>
    route.request().url().endsWith("/gone.svg") ? route.abort() : route.fulfill({ contentType: "image/svg+xml", body: svg }),
  );
}

browserTest("page: photographs: chosen by keyboard, described, and one that does not load is left out", async () => {
  const images = ["front", "gone", "back"].map((name) => `https://pictures.example/${name}.svg`);
  const id = await house.auction({ title: "Marine chronometer", images });
  const page = await house.page(`/auctions/${id}`, {}, withPictures);
  await page.getByRole("img", { name: "Marine chronometer, photograph 1 of 2" }).waitFor();
  const second = page.getByRole("button", { name: "Photograph 2 of 2" });
  await second.focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => page.getByRole("img", { name: "Marine chronometer, photograph 2 of 2" }).getAttribute("src")).toBe(images[2]);
  expect(await second.getAttribute("aria-pressed")).toBe("true");
});

browserTest("page: photographs: when none loads, the drawing stands in their place", async () => {
  const id = await house.auction({ title: "Teapot", category: "teapot", images: ["https://pictures.example/gone.svg"] });
  const page = await house.page(`/auctions/${id}`, {}, withPictures);
  await live(page);
  await page.locator("article svg").waitFor();
  expect(await page.locator("article img").count()).toBe(0);
});

/** Seconds for which the digits of the large price roll. */
const ROLLING = "Number.parseFloat(getComputedStyle(document.querySelector('.digits')).transitionDuration)";

browserTest("page: motion: whoever wants little sees no digit roll, and still the line under a price that moved", async () => {
  for (const [reducedMotion, seconds] of [
    ["no-preference", 0.18],
    ["reduce", 0],
  ] as const) {
    const id = await house.auction({ title: "Metronome" });
    const rival = await house.rival(`rival-motion-${reducedMotion}`);
    const page = await house.page(`/auctions/${id}`, { reducedMotion });
    await live(page);
    expect(await page.evaluate(ROLLING)).toBe(seconds);
    await rival.placeBid({ auctionId: id, amountMinor: 10_000, currency: "USD" });
    await page.getByText("1 bid", { exact: true }).waitFor();
    await (await house.rival(`other-${reducedMotion}`)).placeBid({ auctionId: id, amountMinor: 10_250, currency: "USD" });
    await page.locator(".price-block .moved").waitFor({ state: "attached" });
  }
});

/** Sum of the shifts that no person caused, as browsers count them. */
const SHIFTS =
  "window.shifts = 0; new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifts += e.value; }).observe({ type: 'layout-shift', buffered: true });";

browserTest("page: layout: nothing shifts when the data comes, nor when bids do, wide and narrow", async () => {
  for (const viewport of [
    { width: 1_280, height: 900 },
    { width: 390, height: 844 },
  ]) {
    const id = await house.auction({ title: `Orrery, ${viewport.width}` });
    await house.listed(id);
    const rivals = [await house.rival(`shift-a-${viewport.width}`), await house.rival(`shift-b-${viewport.width}`)];
    const list = await house.page("/", { viewport }, (context) => context.addInitScript(SHIFTS));
    await list.getByRole("listitem").first().getByText("left").waitFor();
    const auction = await house.page(`/auctions/${id}`, { viewport }, (context) => context.addInitScript(SHIFTS));
    await live(auction);
    for (let bids = 0, amountMinor = 10_000; bids < 6; bids++) {
      const answer = await rivals[bids % 2]?.placeBid({ auctionId: id, amountMinor, currency: "USD" });
      amountMinor = answer?.askingPriceMinor ?? amountMinor;
    }
    await auction.getByText("6 bids", { exact: true }).waitFor();
    for (const page of [list, auction]) expect(await page.evaluate("window.shifts")).toBeLessThan(0.01);
  }
});
