// The load: sockets that bid, in a closed loop or at planned times, and what comes of it.
//
// Owns: bids in flight, phases of a run, counts. Must not: know bytes of a socket (raw-socket.ts) or of a frame (bid-frame.ts).
//
// Phase       entered when                       left when                               there
// joining     start                              every socket was welcomed               nobody bids
// warming     all are welcome                    warmUpMs later                          bids, nothing is counted
// measuring   the warm-up is over                measureMs later, or `bids` answered     bids and counts
// draining    measuring is over                  nothing is in flight, or DRAIN_MS       no new bids; answers are still kept
//
// G1. Latency of an open loop counts from the planned time, never from the real sending.
// G2. Every answer is kept, warm-up and drain included: a bid that was acknowledged must be in the log whenever that was.
// G3. The loop of planned times spins with setImmediate: a timer of 1 ms would send late and in lumps.
import { AnswerRows } from "./answers.ts";
import { AuctionQueue } from "./auction-queue.ts";
import { AnswerReader, BIDS_MAX, clientFrame, ID_FROM, makeBidFrame, patchBidFrame } from "./bid-frame.ts";
import { DurationCounts } from "./counts.ts";
import type { LoadPlan, LoadResult } from "./plan.ts";
import { poissonGaps } from "./random.ts";
import { RawSocket, type RawSocketHost } from "./raw-socket.ts";

/** Bids of an open loop that may be in flight. A service this far behind is over its limit; further bids go out late, and the lag shows it. */
const OPEN_IN_FLIGHT_MAX = 32_768;
/** Answers that take longer than this after the end are counted as missing. */
const DRAIN_MS = 10_000;
const DRAIN_CHECK_MS = 5;
const US_PER_MS = 1_000;
/** Bids that one turn sends before answers are read again. */
const TURN_BIDS_MAX = 256;

type Phase = "joining" | "warming" | "measuring" | "draining";

interface Slot {
  readonly frame: Buffer;
  /** Place of its socket; of an open loop, the socket of its bid in flight. */
  socket: number;
  auction: number;
  /** Monotonic ms: real sending, or the planned time. */
  from: number;
}

export interface LoadHost {
  readonly phase: (phase: "ready" | "measuring" | "measured") => void;
  readonly done: (result: LoadResult) => void;
  readonly failed: (why: string) => void;
  /** Once, not before. */
  readonly after: (ms: number, callback: () => void) => void;
}

export class Load implements RawSocketHost {
  readonly #plan: LoadPlan;
  readonly #host: LoadHost;
  readonly #sockets: RawSocket[] = [];
  readonly #slots: Slot[] = [];
  readonly #freeSlots: number[] = [];
  readonly #auctionIds: readonly Buffer[];
  readonly #queue: AuctionQueue;
  readonly #reader = new AnswerReader();
  readonly #rows = new AnswerRows();
  readonly #latency = new DurationCounts();
  readonly #lag = new DurationCounts();
  readonly #rejected = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  #phase: Phase = "joining";
  #welcomed = 0;
  #next: number;
  #nextSocket = 0;
  #sent = 0;
  #settled = 0;
  #refusedTotal = 0;
  #answered = 0;
  #accepted = 0;
  #notices = 0;
  #planned = 0;
  #measuredFrom = 0;
  #seconds = 0;
  #cpuFrom = process.cpuUsage();
  #cpuSeconds = 0;
  /** Time of the read that is going on: one look at the clock for all its answers. */
  #now = 0;

  constructor(plan: LoadPlan, host: LoadHost) {
    this.#plan = plan;
    this.#host = host;
    this.#next = plan.first;
    this.#auctionIds = plan.auctions.map((id) => Buffer.from(id, "latin1"));
    // Planned bids wait for nobody, not even for an auction whose last bid is under way.
    const inFlightMax = plan.mode === "closed" ? plan.tokens.length * plan.inFlight : OPEN_IN_FLIGHT_MAX;
    this.#queue = new AuctionQueue(plan.auctions.length, inFlightMax);
  }

  start(): void {
    this.#plan.tokens.forEach((_, index) => {
      this.#sockets.push(new RawSocket(index, this.#plan, this));
    });
  }

  // RawSocketHost.

  opened(socket: RawSocket): void {
    socket.send(clientFrame(JSON.stringify({ type: "auth", id: 1, token: this.#plan.tokens[socket.index] })));
  }

  message(socket: RawSocket, bytes: Buffer, from: number, to: number): void {
    if (this.#reader.read(bytes, from) === "other") {
      this.#other(socket, bytes.toString("utf8", from, to));
      return;
    }
    const { answer } = this.#reader;
    const code = answer.accepted ? null : bytes.toString("latin1", answer.codeFrom, answer.codeTo);
    this.#answer(answer, code);
  }

  failed(socket: RawSocket, why: string): void {
    this.#host.failed(`socket ${socket.index}: ${why}`);
  }

  // Phases.

  #begin(): void {
    const { mode, warmUpMs } = this.#plan;
    this.#host.phase("ready");
    this.#phase = "warming";
    if (mode === "closed") this.#fill();
    else this.#keepTime();
    if (warmUpMs === 0) this.#measure();
    else this.#host.after(warmUpMs, () => this.#measure());
  }

  #measure(): void {
    this.#phase = "measuring";
    this.#measuredFrom = performance.now();
    this.#cpuFrom = process.cpuUsage();
    this.#host.phase("measuring");
    if (this.#plan.measureMs > 0) this.#host.after(this.#plan.measureMs, () => this.#drain());
  }

  #drain(): void {
    if (this.#phase === "draining") return;
    this.#phase = "draining";
    this.#seconds = (performance.now() - this.#measuredFrom) / 1_000;
    const { user, system } = process.cpuUsage(this.#cpuFrom);
    this.#cpuSeconds = (user + system) / 1_000_000;
    this.#host.phase("measured");
    this.#drained(performance.now() + DRAIN_MS);
  }

  #drained(until: number): void {
    if (this.#settled < this.#sent && performance.now() < until) {
      this.#host.after(DRAIN_CHECK_MS, () => this.#drained(until));
      return;
    }
    for (const socket of this.#sockets) socket.close();
    this.#rows.write(this.#plan.answersFile);
    this.#host.done(this.#result());
  }

  #result(): LoadResult {
    return {
      event: "result",
      generator: "node",
      seconds: this.#seconds,
      planned: this.#planned,
      answered: this.#answered,
      accepted: this.#accepted,
      rejected: Object.fromEntries(this.#rejected),
      refused: Object.fromEntries(this.#refused),
      notices: this.#notices,
      answeredTotal: this.#rows.count,
      refusedTotal: this.#refusedTotal,
      sentTotal: this.#sent,
      unansweredTotal: this.#sent - this.#settled,
      latency: this.#latency.pairs(),
      lag: this.#lag.pairs(),
      cpuSeconds: this.#cpuSeconds,
    };
  }

  // Sending.

  #fill(): void {
    const { tokens, inFlight } = this.#plan;
    this.#now = performance.now();
    for (let round = 0; round < inFlight; round += 1) {
      for (let socket = 0; socket < tokens.length; socket += 1) this.#bid(this.#newSlot(socket), this.#now);
    }
  }

  #newSlot(socket: number): number {
    const index = this.#slots.length;
    this.#slots.push({ frame: makeBidFrame(ID_FROM + index), socket, auction: 0, from: 0 });
    return index;
  }

  /** False: nothing was sent, because every bid of the plan was, or no auction is free. */
  #bid(index: number, from: number): boolean {
    const { bids, first, stride } = this.#plan;
    if (this.#phase === "draining" || (bids > 0 && this.#sent >= bids)) return false;
    const auction = this.#queue.take();
    if (auction === -1) return false;
    if (this.#next >= BIDS_MAX) {
      this.#host.failed(`a run has at most ${BIDS_MAX} bids`);
      return false;
    }
    const slot = this.#slots[index] as Slot;
    patchBidFrame(slot.frame, this.#auctionIds[auction] as Buffer, this.#next);
    slot.auction = auction;
    slot.from = from;
    this.#sent += 1;
    this.#next = first + this.#sent * stride;
    (this.#sockets[slot.socket] as RawSocket).send(slot.frame);
    return true;
  }

  /** The open loop (G1, G3). Exponential gaps from the seed; what is due is sent, then answers are read. */
  #keepTime(): void {
    const gap = poissonGaps(this.#plan.rate, this.#plan.seed);
    for (let index = 0; index < OPEN_IN_FLIGHT_MAX; index += 1) this.#freeSlots.push(this.#newSlot(0));
    let due = performance.now();
    const turn = (): void => {
      if (this.#phase === "draining") return;
      let now = performance.now();
      for (let count = 0; due <= now && count < TURN_BIDS_MAX; count += 1) {
        const index = this.#freeSlots.pop();
        if (index === undefined) break;
        this.#sendPlanned(index, due, now);
        due += gap();
        now = performance.now();
      }
      setImmediate(turn);
    };
    turn();
  }

  #sendPlanned(index: number, due: number, now: number): void {
    const slot = this.#slots[index] as Slot;
    slot.socket = this.#nextSocket;
    this.#nextSocket = this.#nextSocket + 1 === this.#sockets.length ? 0 : this.#nextSocket + 1;
    if (!this.#bid(index, due)) {
      this.#freeSlots.push(index);
      return;
    }
    if (this.#phase !== "measuring") return;
    this.#planned += 1;
    this.#lag.add((now - due) * US_PER_MS);
  }

  // Answers.

  #answer(answer: AnswerReader["answer"], code: string | null): void {
    const index = answer.id - ID_FROM;
    const slot = this.#slots[index];
    if (slot === undefined) {
      this.#host.failed(`an answer bears the id ${answer.id}, which no bid has`);
      return;
    }
    this.#rows.add(answer.n, slot.auction, answer.sequence, answer.accepted, answer.price);
    if (this.#phase === "measuring") {
      this.#answered += 1;
      if (code === null) this.#accepted += 1;
      else raise(this.#rejected, code);
      this.#latency.add((performance.now() - slot.from) * US_PER_MS);
    }
    this.#settle(index, slot);
  }

  #settle(index: number, slot: Slot): void {
    this.#settled += 1;
    this.#queue.give(slot.auction);
    if (this.#plan.mode === "open") this.#freeSlots.push(index);
    else this.#bid(index, performance.now());
    if (this.#plan.bids > 0 && this.#settled >= this.#plan.bids) this.#drain();
  }

  /** Whatever is no answer to a bid of ours in its usual form: parsed, for it is seldom or free. */
  #other(socket: RawSocket, text: string): void {
    if (text.startsWith('{"type":"outbid"')) {
      if (this.#phase === "measuring") this.#notices += 1;
      return;
    }
    const frame = JSON.parse(text) as { readonly type: string; readonly id?: number; readonly code?: string };
    if (frame.type === "welcome") {
      this.#welcomed += 1;
      if (this.#welcomed === this.#sockets.length) this.#begin();
      return;
    }
    const index = (frame.id ?? 0) - ID_FROM;
    const slot = this.#slots[index];
    if (frame.type === "error" && slot !== undefined) {
      this.#refusedTotal += 1;
      if (this.#phase === "measuring") raise(this.#refused, frame.code ?? "unknown");
      this.#settle(index, slot);
      return;
    }
    if (frame.type === "bid_answer" || frame.type === "error") this.failed(socket, `an unexpected frame: ${text}`);
    else if (this.#phase === "measuring") this.#notices += 1;
  }
}

function raise(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
