// What a node does about one shard: own it, stand by for it, or leave it alone.
//
// Owns: when a claim is tried, when a shard is given up for a new placement, and the standby. Must not: judge a claim (the log does), or
// serve anything (tenure.ts does).
//
// state     entered when                                left when                                                there
// aside     the placement does not name this node       a placement does                                         nothing is kept
// claiming  it is this node's turn (who-claims.ts)      served; left to somebody else                            the tenure tries
// owning    the tenure serves                           lost; a new placement names another first node           -
// standby   the shard is somebody else's                its turn has come; the placement does not name it        the log is followed
// stopped   the log or the state contradict themselves  the pause is over, at most three times in ten minutes    nothing
//
// W8. Each time a shard is lost or a claim of it was in vain, the next claim waits: 50 to 500 ms at random, doubling to 5 s. A minute of
//     quiet ends that. So two nodes that both want a shard do not take it from each other for ever.
// W9. After a claim that showed a wrong clock nothing is claimed for 5 s, doubling to a minute.
import type { ClaimReason, Membership } from "../ports.ts";
import { Claiming } from "./claim.ts";
import { abandon } from "./recovery.ts";
import type { Shard } from "./shard.ts";
import { ColdWatch, Standby, type StandbyHost, type Watching } from "./standby.ts";
import { stateHashNow } from "./state-hash-now.ts";
import { Tenure, type TenureKeeper } from "./tenure.ts";
import { type ClaimLimits, claimPlan, type Place, rankOf, type Sighting } from "./who-claims.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_SPREAD = 9;
const BACKOFF_MAX_MS = 5_000;
const BACKOFF_FORGOTTEN_MS = 60_000;
const CLOCK_HOLD_FIRST_MS = 5_000;
const CLOCK_HOLD_MAX_MS = 60_000;
/** Nodes look for a new placement each second; after two everybody who runs has it, and a standby that knew of the shard is warm. */
const MOVE_WAIT_MS = 2_000;
const MOVE_RETRY_MS = 1_000;
const SILENT_INTERVALS = 3;

export class Ownership implements TenureKeeper, StandbyHost {
  readonly shard: Shard;
  readonly tenure: Tenure;
  readonly #claiming: Claiming;
  readonly #watching: Watching;
  readonly #membership: Membership;
  #place: Place;
  #standsBy = false;
  /** Since when it has been waiting for its turn, the claim included; null when it never waited. */
  #waitedFrom: number | null = null;
  #calledAt: number | null = null;
  /** The claim that was effective when this process first looked; null before. */
  #firstClaim: number | null = null;
  #first = true;
  #losses = 0;
  #lostAt = Number.NEGATIVE_INFINITY;
  #notBefore = Number.NEGATIVE_INFINITY;
  #clockHoldMs = 0;
  #clockHeldUntil = Number.NEGATIVE_INFINITY;
  #cancelLook: () => void = () => undefined;
  #cancelMove: (() => void) | null = null;
  #warm: () => void = () => undefined;
  #stopped = false;

  constructor(shard: Shard, membership: Membership, standby: boolean) {
    this.shard = shard;
    this.#membership = membership;
    this.#claiming = new Claiming(shard);
    this.tenure = new Tenure(shard, this.#claiming, this);
    this.#watching = standby ? new Standby(shard, this.#claiming, this) : new ColdWatch(shard, this);
    this.#place = this.#placeNow();
  }

  /** Whether the shard is somebody else's, and followed here. */
  get standsBy(): boolean {
    return this.#standsBy;
  }

  /** Place in the order of the shard's nodes: 0 owns, -1 has no business with it. */
  get rank(): number {
    return rankOf(this.#place);
  }

  /** Records behind the log's end, of a standby. */
  get lag(): number {
    return this.#watching.lag;
  }

  /** The process begins. Resolves when it is served, has stopped, or is followed to the end of its log. */
  async start(): Promise<void> {
    this.#place = this.#placeNow();
    if (this.rank === 0) await this.#claim("start");
    else if (this.rank > 0) {
      await new Promise<void>((resolve) => {
        this.#warm = resolve;
        this.#standBy();
      });
    }
  }

  /** The clock is right again, or the shard may be tried again for another reason. */
  again(): void {
    void this.#claim("again");
  }

  /** For good. Who stood by still does: what it has of the shard is not its to save. */
  stop(): void {
    this.#stopped = true;
    this.#cancelLook();
    this.#cancelMove?.();
    this.#watching.stop();
  }

  /** For standbys, now and then. Never rejects. */
  measure(): Promise<void> {
    return this.#watching.measure();
  }

  slim(): Promise<void> {
    return this.#standsBy ? this.#watching.slim() : Promise.resolve();
  }

  /** The placement may be another. */
  placed(): void {
    const before = this.#place;
    this.#place = this.#placeNow();
    const firstChanged = before.nodes?.[0] !== this.#place.nodes?.[0];
    if (firstChanged) this.#calledAt = this.rank === 0 ? this.#now() : null;
    if (this.rank === 0) {
      this.#cancelMove?.();
      this.#cancelMove = null;
    } else if ((this.#isOwned || this.tenure.busy) && (firstChanged || this.rank < 0)) this.#moveLater(MOVE_WAIT_MS);
    if (this.#isOwned || this.tenure.busy || this.shard.phase !== "unowned") return;
    if (this.rank < 0) this.#leave();
    else if (this.#standsBy) this.#look();
    else this.#standBy();
  }

  // TenureKeeper

  mayClaim(): boolean {
    const plan = claimPlan(this.#place, this.#sighting(), this.#limits);
    return plan !== null && plan.inMs <= 0 && this.#now() >= this.#clockHeldUntil;
  }

  left(): void {
    if (this.#stopped || this.shard.phase !== "unowned") return;
    this.#backOff();
    if (this.rank < 0) this.#leave();
    else this.#standBy();
  }

  clockOff(offMs: number): void {
    this.#clockHoldMs = Math.min(CLOCK_HOLD_MAX_MS, Math.max(CLOCK_HOLD_FIRST_MS, this.#clockHoldMs * 2));
    this.#clockHeldUntil = this.#now() + this.#clockHoldMs;
    this.shard.note = `clock off by ${Math.round(offMs)} ms`;
  }

  // StandbyHost

  caughtUp(): void {
    this.#warm();
    this.#look();
  }

  heard(): void {
    this.#lookAtClock();
    this.#look();
  }

  broken(invariant: string, message: string): void {
    this.#endStandby();
    this.#warm();
    this.tenure.broken(invariant, message);
  }

  // What is done

  async #claim(reason: ClaimReason): Promise<void> {
    if (this.#stopped || this.tenure.busy || this.shard.phase !== "unowned") return;
    this.#endStandby();
    await this.tenure.take(reason);
    if (this.shard.standing !== "serving") return;
    this.#waitedFrom = null;
    this.#calledAt = null;
    this.#clockHoldMs = 0;
    this.#first = false;
  }

  #standBy(): void {
    const { shard } = this;
    if (this.#stopped || this.#standsBy) return;
    this.#standsBy = true;
    this.#waitedFrom = this.#now();
    shard.pursuit = "standby";
    shard.world.say("info", "shard_standby", { shard: shard.number, owner: shard.owner?.nodeId ?? null, why: shard.note ?? "placement" });
    shard.world.statusChanged(shard);
    this.#watching.start();
  }

  #endStandby(): void {
    this.#cancelLook();
    if (!this.#standsBy) return;
    this.#standsBy = false;
    this.#watching.stop();
    this.shard.pursuit = "none";
  }

  // The placement names this node no longer: its memory is for others.
  #leave(): void {
    this.#endStandby();
    this.#claiming.forget();
    abandon(this.shard);
    this.shard.note = null;
    this.shard.world.statusChanged(this.shard);
  }

  // Claims when its turn has come, or looks again when it will have.
  #look(): void {
    this.#cancelLook();
    this.#cancelLook = () => undefined;
    if (!this.#standsBy || this.#stopped) return;
    const plan = claimPlan(this.#place, this.#sighting(), this.#limits);
    if (plan === null) return;
    const inMs = Math.max(plan.inMs, Math.max(this.#notBefore, this.#clockHeldUntil) - this.#now());
    if (inMs <= 0) void this.#claim(plan.reason);
    else this.#cancelLook = this.shard.world.timers.after(inMs, () => this.#look());
  }

  // Live records say how this machine's clock stands to the log's, before anything is claimed with it (W9).
  #lookAtClock(): void {
    const offMs = this.#watching.clockOffMs;
    if (offMs === null) return;
    const { limits, say } = this.shard.world;
    if (Math.abs(offMs) <= limits.clockOffsetMaxMs) {
      this.#clockHeldUntil = Number.NEGATIVE_INFINITY;
      this.#clockHoldMs = 0;
    } else if (this.#now() >= this.#clockHeldUntil) {
      say("error", "clock_off", { shard: this.shard.number, offMs: Math.round(offMs), maxMs: limits.clockOffsetMaxMs });
      this.clockOff(offMs);
    }
  }

  #sighting(): Sighting {
    const { judge, owner, released, heardAt } = this.shard;
    const now = this.#now();
    const own = this.#claiming.ownsClaim;
    if (judge.next > 0) this.#firstClaim ??= judge.claim;
    if (judge.claim !== this.#firstClaim && !own) this.#first = false;
    return {
      claim: judge.claim,
      owner: owner?.nodeId ?? null,
      own,
      // Behind a checkpoint nobody knows why the epoch was closed.
      release: judge.open ? null : (released ?? { reason: "stop", target: null }),
      silentMs: now - heardAt,
      waitedMs: this.#waitedFrom === null ? 0 : now - this.#waitedFrom,
      calledMs: this.#calledAt === null ? null : now - this.#calledAt,
      first: this.#first,
    };
  }

  get #limits(): ClaimLimits {
    const { leaseMs, heartbeatMs, timeIdleMs } = this.shard.world.limits;
    const silenceMs = Math.max(leaseMs, SILENT_INTERVALS * heartbeatMs, SILENT_INTERVALS * timeIdleMs);
    return { silenceMs, stepMs: heartbeatMs, moveWaitMs: MOVE_WAIT_MS };
  }

  #backOff(): void {
    const now = this.#now();
    this.#losses = now - this.#lostAt > BACKOFF_FORGOTTEN_MS ? 1 : this.#losses + 1;
    this.#lostAt = now;
    const spread = BACKOFF_FIRST_MS * (1 + BACKOFF_SPREAD * this.shard.world.nonces.fraction());
    this.#notBefore = Math.max(this.#notBefore, now + Math.min(BACKOFF_MAX_MS, spread * 2 ** (this.#losses - 1)));
  }

  // A planned move out

  get #isOwned(): boolean {
    const { phase } = this.shard;
    return phase === "serving" || phase === "opening" || phase === "log_down";
  }

  #moveLater(delayMs: number): void {
    this.#cancelMove?.();
    this.#cancelMove = this.shard.world.timers.after(delayMs, () => {
      this.#cancelMove = null;
      void this.#moveOut();
    });
  }

  async #moveOut(): Promise<void> {
    const { shard, tenure } = this;
    if (this.#stopped || this.rank === 0 || !this.#isOwned) return;
    if (shard.phase !== "serving") {
      // Nothing can be released that is not served; whoever is called claims without it in time.
      this.#moveLater(MOVE_RETRY_MS);
      return;
    }
    const target = this.#place.nodes?.[0] ?? null;
    const given = await tenure.release({ reason: "move", target }, () => stateHashNow(shard));
    if (!given) return;
    shard.note = `moved to ${target ?? "nobody"}`;
    this.left();
  }

  #placeNow(): Place {
    const { number, world } = this.shard;
    return {
      nodeId: world.nodeId,
      nodes: this.#membership.nodesOf?.(number) ?? null,
      assigned: this.#membership.assigned().includes(number),
    };
  }

  #now(): number {
    return this.shard.world.clock.monotonic();
  }
}
