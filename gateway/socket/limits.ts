// Every limit of the socket side, with its default and its reason. Settings may raise or lower each; none can be switched off.

export interface SocketLimits {
  /** The first frame must be `auth` within this time, then close 4001. */
  readonly authMs: number;
  /** Bad frames in a minute; the one that reaches it closes 4502. */
  readonly badFramesPerMinute: number;
  /** One message, a batch included; more closes 4503. */
  readonly frameBytes: number;
  /** One message that is a single command; more closes 4503. */
  readonly commandBytes: number;
  /** What the transport takes at all; more is cut without a close frame. */
  readonly transportBytes: number;
  readonly batchFramesMax: number;
  /** Client frames a second and in one burst; each frame of a batch counts. Beyond it: `rate_limited`. */
  readonly framesPerSecond: number;
  readonly framesBurst: number;
  readonly enterpriseFramesPerSecond: number;
  readonly enterpriseFramesBurst: number;
  /** Excess for this long closes 4005. */
  readonly excessMs: number;
  /** Frames that wait while a token is being checked; one more closes 4005. */
  readonly verifyingFramesMax: number;
  readonly subscriptions: number;
  readonly bidsInFlight: number;
  /** Subscribe requests of one socket that wait for an owner or a catalogue; beyond it: `rate_limited`. */
  readonly subscribesInFlight: number;
  readonly socketsPerBidder: number;
  readonly socketsPerAddress: number;
  readonly connections: number;
  /** Upgrades a second and in one burst, so that a reconnect storm does not starve the bids of those who are connected; more get 503. */
  readonly acceptsPerSecond: number;
  readonly acceptsBurst: number;
  /** Over it a viewer leaves the topics and gets only the newest state. */
  readonly bufferSoftBytes: number;
  /** Over it, or this long over the soft limit without an empty buffer: close 4003. */
  readonly bufferHardBytes: number;
  readonly bufferHardMs: number;
  readonly idleMs: number;
  /** A protocol ping goes to a socket silent for this long. */
  readonly silentPingMs: number;
  readonly pingEveryMs: number;
  readonly pongWithinMs: number;
  /** `error` token_expired this long before the close 4002. */
  readonly expiryNoticeMs: number;
  readonly conflateMs: number;
  /** Updates a second, or viewers, that make an auction hot. */
  readonly conflateRate: number;
  readonly conflateViewers: number;
  /** Viewers x updates a second of one gateway. */
  readonly deliveriesPerSecond: number;
  /** Viewers that one topic has, and that one turn publishes to. */
  readonly sliceViewers: number;
  readonly historyUpdates: number;
  readonly historyMs: number;
  /** Auctions this gateway follows at once, with and without viewers; beyond it a subscription is `overloaded`. */
  readonly watchedAuctions: number;
  /** Time for a catalogue answer before a snapshot goes out with a null lot. */
  readonly lotWaitMs: number;
  readonly watchersEveryMs: number;
  readonly requestTimeoutMs: number;
  readonly drainMs: number;
  readonly anonymousViewers: boolean;
}

const KIB = 1024;

export const SOCKET_LIMITS: SocketLimits = {
  authMs: 5_000,
  badFramesPerMinute: 3,
  frameBytes: 16 * KIB,
  commandBytes: KIB,
  // Four times the frame limit: a frame that is somewhat too large is told so with a close code, a flood is cut.
  transportBytes: 64 * KIB,
  batchFramesMax: 64,
  framesPerSecond: 20,
  framesBurst: 60,
  enterpriseFramesPerSecond: 2_000,
  enterpriseFramesBurst: 4_000,
  excessMs: 3_000,
  // One whole batch behind its `auth`.
  verifyingFramesMax: 64,
  subscriptions: 500,
  bidsInFlight: 32,
  // As many as bids. Each holds its list of up to 100 auctions, for 5 s at most.
  subscribesInFlight: 32,
  socketsPerBidder: 10,
  socketsPerAddress: 100,
  connections: 10_000,
  // An upgrade costs about 60 us with its snapshot: 2,000 a second take an eighth of the thread.
  acceptsPerSecond: 2_000,
  acceptsBurst: 2_000,
  bufferSoftBytes: 64 * KIB,
  bufferHardBytes: 256 * KIB,
  bufferHardMs: 10_000,
  idleMs: 60_000,
  silentPingMs: 25_000,
  pingEveryMs: 15_000,
  pongWithinMs: 10_000,
  expiryNoticeMs: 60_000,
  conflateMs: 50,
  conflateRate: 20,
  conflateViewers: 1_000,
  // A delivery costs 5.5 to 7 us, so this is two thirds of one thread.
  deliveriesPerSecond: 100_000,
  // 250 deliveries take about 1.5 ms: bids of the same gateway wait no longer than that.
  sliceViewers: 250,
  historyUpdates: 256,
  historyMs: 60_000,
  // About 10 KB each with a full history of updates.
  watchedAuctions: 50_000,
  lotWaitMs: 300,
  watchersEveryMs: 5_000,
  requestTimeoutMs: 5_000,
  drainMs: 20_000,
  anonymousViewers: true,
};
