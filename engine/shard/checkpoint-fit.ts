// Whether a checkpoint was taken of the log that is there, as the records just below its offset tell.
//
// Owns: reading those records backwards, and what they amount to. Must not: load a checkpoint, move the shard's judge, or stop anything.
//
// A log that lost its tail may grow past a checkpoint again, by whatever came late or is somebody else's. Its length says nothing then.
// B1. Seen from a checkpoint's own place every record below its offset is void: it is an old one, or was void when it came. One that would
//     count was written after the loss.
// B2. The newest record that counted has the checkpoint's running hash, and stands behind the record or claim that it was made behind: a
//     copy of it that came late, into a log that lost both, does not pass for it.
// B3. Where the newest that counted is a CLAIM, its nonce is the checkpoint's, and it makes the running hash of the hash before it.
// B4. Void records may stand behind the newest that counted, so it is looked for backwards, a little at first. Not found within LOOK_MAX
//     records is a doubt, and a doubt is no fit: a replay from further back decides.
// B5. What was trimmed cannot be asked, and the checkpoint is believed. Not so where an older one within the log shows that the newest that
//     counted came behind that one.
import type { Lsn, Offset } from "../core/ids.ts";
import { advance, type ClaimRecord, EFFECTIVE, type Hash, initialJudge, type JudgedRecord, judge, judgeFromCheckpoint } from "../core/validity.ts";
import type { Checkpoint } from "../ports.ts";
import { sameBytes } from "./same-bytes.ts";
import { isDoubtful, type LogOfShard, lookAgain } from "./twice-read.ts";

/** Records read at first: the two that are looked for are nearly always the last two. */
const LOOK_FIRST = 8;
/** Each further read is that many times longer. */
const LOOK_GROWTH = 4;
/** Records looked at in all. Behind the newest that counted stand the few that were under way when it came, unless a stranger floods the log. */
const LOOK_MAX = 680;

/** What is kept of a record of a tenure, or of GENESIS. */
interface Mark {
  readonly offset: Offset;
  /** 0 for GENESIS. */
  readonly epoch: Offset;
  readonly firstLsn: Lsn;
  /** The last of its lsns. */
  readonly lsn: Lsn;
  readonly hash: Uint8Array;
  /** null: GENESIS. */
  readonly prevHash: Uint8Array | null;
}

/** A running hash, the last lsn at it, and below which offset it was reached. */
interface Wanted {
  readonly hash: Uint8Array;
  readonly lsn: Lsn;
  readonly below: Offset;
}

/** What was read so far, the newest part first. */
interface Looked {
  readonly marks: Mark[];
  readonly claims: Map<Offset, ClaimRecord>;
  /** Offset of the newest record that nobody can read, or -1. */
  spoiled: Offset;
  /** A record stands there that would count behind the checkpoint (B1). */
  grown: boolean;
}

/** Whether the checkpoint may be believed. It lies within the log, whose first record is `start`; `older`: the checkpoints before it.
 *  Rejects with what the log throws. */
export async function fitsLog(shard: LogOfShard, checkpoint: Checkpoint, older: readonly Checkpoint[], start: Offset): Promise<boolean> {
  const looked: Looked = { marks: [], claims: new Map(), spoiled: -1, grown: false };
  const { hash } = shard.world.codec;
  let first = start;
  let below = checkpoint.offset;
  for (let step = LOOK_FIRST; below > first && checkpoint.offset - below < LOOK_MAX; step *= LOOK_GROWTH) {
    const from = Math.max(first, below - step);
    try {
      await look(shard, checkpoint, from, below, looked);
    } catch (error) {
      first = (await shard.world.log.ends(shard.number)).start;
      // Trimmed while it was read: asked again, from where the log begins now.
      if (first > from) continue;
      throw error;
    }
    if (looked.grown) return false;
    if (newestStands(checkpoint, looked, hash, false)) return true;
    below = from;
  }
  if (below > first || first === 0) return false;
  if (newestStands(checkpoint, looked, hash, true)) return true;
  return !older.some(({ offset, lsn }) => offset >= first && lsn < checkpoint.lsn);
}

async function look(shard: LogOfShard, checkpoint: Checkpoint, from: Offset, to: Offset, looked: Looked): Promise<void> {
  const { number, world } = shard;
  const { log, codec } = world;
  const place = judgeFromCheckpoint(checkpoint);
  for await (const list of log.read(number, from, to)) {
    for (const stored of list) {
      const first = codec.decode(stored, number);
      const record = isDoubtful(first) ? await lookAgain(shard, stored) : first;
      place.next = record.offset;
      const verdict = judge(place, record);
      if (verdict.kind === "void") keep(record, checkpoint, looked);
      else if (verdict.kind === "broken" && (verdict.reason === "damaged" || verdict.reason === "newer_format"))
        looked.spoiled = Math.max(looked.spoiled, record.offset);
      else looked.grown = true;
    }
  }
}

// Copies of what is needed: a record holds on to the whole list that it came in.
function keep(record: JudgedRecord, { lifeId, shard }: Checkpoint, { marks, claims }: Looked): void {
  if (record.kind === "foreign" || record.kind === "damaged" || record.shard !== shard || !sameBytes(record.lifeId, lifeId)) return;
  const { offset } = record;
  switch (record.kind) {
    case "genesis":
      if (offset === 0) marks.push({ offset, epoch: 0, firstLsn: 0, lsn: 0, hash: record.hash.slice(), prevHash: null });
      break;
    case "claim":
      claims.set(offset, { ...record, lifeId, nonce: record.nonce.slice(), hash: record.hash.slice() });
      break;
    case "frame":
    case "time":
    case "release":
      marks.push({
        offset,
        epoch: record.epoch as number,
        firstLsn: record.firstLsn,
        lsn: record.firstLsn + record.count - 1,
        hash: record.hash.slice(),
        prevHash: record.prevHash.slice(),
      });
      break;
    default:
      break;
  }
}

// `isTrimmed`: whatever stood before what was looked at is gone by rule, and is not missed.
function newestStands(checkpoint: Checkpoint, looked: Looked, hash: Hash, isTrimmed: boolean): boolean {
  const { runningHash, lsn, claim } = checkpoint;
  if (claimStands(checkpoint, { hash: runningHash, lsn, below: checkpoint.offset }, looked, hash)) return true;
  return looked.marks.some(
    (mark) =>
      mark.offset > looked.spoiled && mark.epoch === claim && sameBytes(mark.hash, runningHash) && (isTrimmed || standsBehind(mark, checkpoint, looked, hash)),
  );
}

function standsBehind(mark: Mark, checkpoint: Checkpoint, looked: Looked, hash: Hash): boolean {
  const { prevHash, offset, epoch, firstLsn } = mark;
  if (prevHash === null) return true;
  if (looked.marks.some((before) => before.offset < offset && before.epoch === epoch && sameBytes(before.hash, prevHash))) return true;
  return claimStands(checkpoint, { hash: prevHash, lsn: firstLsn - 1, below: offset }, looked, hash);
}

// B3. Whether the checkpoint's claim makes the running hash that is wanted. Claims follow each other directly where nothing was written under
// one, and before the first of them stands the record with the last lsn.
function claimStands(checkpoint: Checkpoint, wanted: Wanted, { marks, claims, spoiled }: Looked, hash: Hash): boolean {
  let claim = claims.get(checkpoint.claim);
  if (claim === undefined || claim.offset <= spoiled || claim.offset >= wanted.below || !sameBytes(claim.nonce, checkpoint.nonce)) return false;
  const candidates = marks.filter(({ lsn }) => lsn === wanted.lsn);
  const followed: ClaimRecord[] = [];
  while (claim !== undefined) {
    followed.unshift(claim);
    const { offset, previous }: ClaimRecord = claim;
    const before = candidates.filter((mark) => mark.offset < offset && mark.epoch === previous);
    if (before.some((mark) => sameBytes(hashBehind(mark.hash, followed, hash), wanted.hash))) return true;
    claim = previous < offset ? claims.get(previous) : undefined;
  }
  return false;
}

function hashBehind(before: Uint8Array, claims: readonly ClaimRecord[], hash: Hash): Uint8Array {
  const place = { ...initialJudge(0), hash: before };
  for (const claim of claims) advance(place, claim, EFFECTIVE, hash);
  return place.hash;
}
