// A disk that fills up under a running system: bids are refused before it is full, closes go on, and all goes on by itself later.
import { spawnSync } from "node:child_process";
import { appendFileSync, statfsSync, unlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { checkHistory } from "../../engine/sim/history.ts";
import { connect } from "../../gateway/client/client.ts";
import { SpawnedSystem } from "./spawned-system.ts";
import { askForAuction, createAuction, eventually, get, readAuctions } from "./test-auctions.ts";
import { TestBidder } from "./test-bidder.ts";
import { logAtRest } from "./test-log.ts";

const MIB = 1024 * 1024;
/** Above the 64 MiB that a start wants to see free. */
const DISK_BYTES = 128 * MIB;
const RESERVE_BYTES = 16 * MIB;
/** Closes while the disk is below the reserve. */
const ENDS_IN_MS = 4_000;

/** A refusal that waited for a deadline takes five seconds. */
const AT_ONCE_MS = 1_000;
/** More than what the log has made ahead takes. */
const CREATED_MAX = 5_000;

const mountable = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0;

/** The system with its data on a small disk in memory, which only its processes have mounted. */
class SystemOnSmallDisk extends SpawnedSystem {
  override get folder(): string {
    return `/proc/${this.supervisorPid}/root${this.dataDir}`;
  }

  /** Takes space until this much is free. */
  leaveFree(bytes: number): void {
    const { bavail, bsize } = statfsSync(this.folder);
    appendFileSync(join(this.folder, "ballast"), Buffer.alloc(bavail * bsize - bytes));
  }

  freeAll(): void {
    unlinkSync(join(this.folder, "ballast"));
  }
}

async function systemOnSmallDisk(): Promise<SystemOnSmallDisk> {
  const dataDir = await mkdtemp(join(tmpdir(), "fairwarning-disk-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const mounted = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"';
  const system = new SystemOnSmallDisk({
    dataDir,
    launcher: ["unshare", "-rm", "sh", "-c", mounted, "sh", String(DISK_BYTES), dataDir],
    environment: {
      FAIRWARNING_SNAPSHOTS: "memory",
      FAIRWARNING_LOCAL_SEGMENT_BYTES: String(MIB),
      FAIRWARNING_LOCAL_RESERVE_BYTES: String(RESERVE_BYTES),
    },
  });
  onTestFinished(() => system.remove());
  return await system.ready();
}

async function logCheck(system: SpawnedSystem): Promise<{ readonly status: number; readonly detail: string }> {
  const { status, body } = await get(`${system.statusUrl}/ready`);
  const check = (body.checks as { name: string; detail: string }[]).find((each) => each.name === "log");
  return { status, detail: check?.detail ?? "" };
}

/** Sellers go on where bidders are refused, until the disk takes nothing: the code of the first refusal. */
async function firstRefusal(system: SpawnedSystem): Promise<string | null> {
  for (let created = 0; created < CREATED_MAX; created += 1) {
    const { status, code } = await askForAuction(system);
    if (status !== 201) return code;
  }
  return null;
}

test("disk full: bids are refused below the reserve, closes are logged, at the brim nothing is lost, and with space back bids are taken again", async (context) => {
  if (!mountable) context.skip("no small disk: needs unshare(1) with user and mount namespaces, as Linux allows to root");
  const system = await systemOnSmallDisk();
  const open = await createAuction(system);
  const ending = await createAuction(system, { durationMs: ENDS_IN_MS });
  const viewer = connect({ url: system.url, webSocket: WebSocket });
  onTestFinished(() => viewer.close());
  const watch = viewer.watch(ending);
  const hammered = new Promise<void>((resolve) => watch.on("hammer", () => resolve()));
  const ann = new TestBidder({ issuerId: "ann", url: () => system.socketUrl, token: await system.token("ann") });
  onTestFinished(() => ann.close());
  let bids = 0;
  const bid = async (auctionId: string): Promise<string> => {
    bids += 1;
    const outcome = await ann.ask({ auctionId, key: `bid-${bids}`, amountMinor: 1_000 * bids });
    return outcome.kind === "answer" ? outcome.verdict : outcome.kind === "refusal" ? outcome.code : "unknown";
  };
  expect([await bid(open), await bid(ending)]).toEqual(["accepted", "accepted"]);

  system.leaveFree(RESERVE_BYTES / 2);
  const refused = await eventually("bids to be refused", async () => {
    const said = await bid(open);
    return said === "accepted" ? null : said;
  });
  expect(refused).toBe("log_unavailable");
  expect(await logCheck(system)).toMatchObject({ status: 503, detail: expect.stringContaining("bids are refused, closes go on") });
  const asked = performance.now();
  expect(await bid(open)).toBe("log_unavailable");
  expect(performance.now() - asked).toBeLessThan(AT_ONCE_MS);
  await hammered;
  expect(await readAuctions(system, [ending])).toMatchObject([{ phase: "closed", outcome: "sold" }]);

  system.leaveFree(0);
  expect(await firstRefusal(system)).toBe("log_unavailable");
  await system.line("the engine to say that the disk is full", (line) => line.event === "log_refused");
  const before = await readAuctions(system, [open, ending]);

  system.freeAll();
  expect(await eventually("bids to be taken again", async () => ((await bid(open)) === "accepted" ? "accepted" : null))).toBe("accepted");
  expect(await readAuctions(system, [ending])).toEqual(before.slice(1));
  await eventually("the engine to be ready", async () => ((await logCheck(system)).status === 200 ? true : null));
  const log = await logAtRest(system.folder);
  expect(log.verdict.violation).toBeNull();
  expect(checkHistory(ann.asks, log.placed).violations).toEqual([]);
  expect(system.lines.filter((line) => line.event === "part_died")).toEqual([]);
  expect(await system.stop()).toBe(0);
});
