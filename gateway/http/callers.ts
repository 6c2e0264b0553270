// What concerns the caller and this server rather than one auction's state: who am I, tickets, guests, watchers, about.
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { AMOUNT_MAX } from "../../engine/core/money.ts";
import { familyOf } from "../address.ts";
import { addressOf, admit, admitAnybody, countLogin, type HttpEnvironment } from "./environment.ts";
import { auctionParams, DEADLINE_MS_MAX, DEADLINE_MS_MIN, textField } from "./fields.ts";
import { instantText } from "./instants.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";
import { BODY_CODES, json, responses, TOKEN_CODES } from "./responses.ts";
import { limitStandingSchema } from "./schemas.ts";

const security = [{ bearer: [] }];
const instant = z.string().openapi({ format: "date-time" });
const tier = z.enum(["free", "premium", "enterprise"]);
const GUEST_NAME_CHARACTERS_MAX = 40;
const PROTOCOLS = ["fairwarning.v1.json", "fairwarning.v1.msgpack"] as const;

const me = createRoute({
  method: "get",
  path: "/me",
  operationId: "readMe",
  summary: "Who you are here, and what is left of your limits",
  tags: ["callers"],
  security,
  responses: responses(
    { 200: json("You", z.object({ userId: z.string(), tier, roles: z.array(z.string()), guest: z.boolean(), limits: z.array(limitStandingSchema) })) },
    TOKEN_CODES,
  ),
});

const ticket = createRoute({
  method: "post",
  path: "/ws-tickets",
  operationId: "createTicket",
  summary: "A one-use ticket that opens one socket",
  tags: ["callers"],
  security,
  responses: responses({ 201: json("Good for 30 seconds", z.object({ ticket: z.string(), expiresAt: instant, socketUrl: z.string() })) }, TOKEN_CODES),
});

const guest = createRoute({
  method: "post",
  path: "/guests",
  operationId: "createGuest",
  summary: "A guest's token, where guests are let in",
  description: "With the token of a guest it renews that guest's token, under the same user id.",
  tags: ["callers"],
  security: [{}, ...security],
  request: {
    body: {
      required: false,
      content: {
        "application/json": {
          schema: z.strictObject({ name: textField(GUEST_NAME_CHARACTERS_MAX, "shown to nobody but you").optional() }).openapi("GuestInput"),
        },
      },
    },
  },
  responses: responses({ 201: json("A token", z.object({ token: z.string(), userId: z.string(), name: z.string().nullable(), tier, expiresAt: instant })) }, [
    ...BODY_CODES,
    ...TOKEN_CODES,
    "not_found",
  ]),
});

const watchers = createRoute({
  method: "get",
  path: "/auctions/{auctionId}/watchers",
  operationId: "countWatchers",
  summary: "How many watch an auction now",
  tags: ["auctions"],
  security: [],
  request: { params: auctionParams },
  responses: responses({ 200: json("Bidders and anonymous viewers on sockets now", z.object({ watchers: z.int() })) }, []),
});

const aboutSchema = z.object({
  version: z.string(),
  mode: z.enum(["single", "cluster"]),
  guests: z.boolean(),
  socketUrl: z.string(),
  protocols: z.array(z.string()),
  formats: z.array(z.string()),
  limits: z.object({
    bidsPerHour: z.object({ free: z.int(), premium: z.int(), enterprise: z.int() }),
    amountMinorMax: z.int(),
    deadlineMsMin: z.int(),
    deadlineMsMax: z.int(),
    deadlineMsDefault: z.int(),
  }),
});
const about = createRoute({
  method: "get",
  path: "/about",
  operationId: "readAbout",
  summary: "What a page needs to start",
  tags: ["callers"],
  security: [],
  responses: responses({ 200: json("This server", aboutSchema) }, []),
});

/** Adds the routes that concern the caller. */
export function addCallerRoutes(app: OpenAPIHono<HttpEnvironment>, parts: HttpParts): void {
  const { identities, limits } = parts;
  app.openapi(me, async (c) => {
    const identity = await admit(parts, c, null);
    const { userId, tier: of, roles, guest: isGuest } = identity;
    c.header("Cache-Control", "private, no-store");
    const standing = [limits.bids(identity), limits.requests(userId), limits.creates(userId)];
    return c.json({ userId, tier: of, roles: [...roles], guest: isGuest, limits: standing }, 200);
  });
  app.openapi(ticket, async (c) => {
    const identity = await admit(parts, c, null);
    countLogin(parts, c);
    const issued = identities.issueTicket(identity, familyOf(addressOf(parts, c)));
    c.header("Cache-Control", "no-store");
    return c.json({ ticket: issued.ticket, expiresAt: instantText(issued.expiresAt), socketUrl: parts.about.socketUrl(c.req.header("host")) }, 201);
  });
  app.openapi(guest, async (c) => {
    if (!parts.about.guests) throw new Refused("not_found", { detail: "Guests are not let in here." });
    const again = c.req.header("authorization") === undefined ? null : await admit(parts, c, null);
    countLogin(parts, c);
    if (again !== null && !again.guest) throw new Refused("forbidden", { detail: "Only a guest's token can be renewed here." });
    const issued = await identities.issueGuest(c.req.valid("json").name ?? null, again);
    if (issued === null) throw new Refused("not_found", { detail: "Guests are not let in here." });
    const { userId, name, tier: of, expiresAt } = issued.identity;
    c.header("Cache-Control", "no-store");
    return c.json({ token: issued.token, userId, name, tier: of, expiresAt: instantText(expiresAt) }, 201);
  });
  app.openapi(watchers, (c) => {
    admitAnybody(parts, c);
    c.header("Cache-Control", "no-cache");
    return c.json({ watchers: parts.presence.watchers(c.req.valid("param").auctionId) }, 200);
  });
  app.openapi(about, (c) => {
    admitAnybody(parts, c);
    c.header("Cache-Control", "no-cache");
    return c.json(aboutJson(parts, c.req.header("host")), 200);
  });
}

function aboutJson(parts: HttpParts, host: string | undefined): z.infer<typeof aboutSchema> {
  const { version, mode, guests, bidsPerHour } = parts.about;
  const socketUrl = parts.about.socketUrl(host);
  const deadlines = { deadlineMsMin: DEADLINE_MS_MIN, deadlineMsMax: DEADLINE_MS_MAX, deadlineMsDefault: parts.settings.deadlineMs };
  return {
    version,
    mode,
    guests,
    socketUrl,
    protocols: [...PROTOCOLS],
    formats: ["english"],
    limits: { bidsPerHour: { ...bidsPerHour }, amountMinorMax: AMOUNT_MAX, ...deadlines },
  };
}
