import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decisionLogContract, type LogUnderTest } from "../contract/decision-log.ts";
import { openLocalLog } from "./open-log.ts";

// Small segments, so that 40 records of two shards fill several.
const SEGMENT_BYTES = 8_192;

async function openIn(dir: string): Promise<LogUnderTest> {
  const log = await openLocalLog({
    dir,
    shards: 3,
    segmentBytes: SEGMENT_BYTES,
    create: { slotDigest: new Uint8Array(16), madeAt: 1_795_428_000_000, version: "test" },
    onFatal(error) {
      throw error;
    },
  });
  return {
    log,
    async reopen() {
      await log.close();
      return openIn(dir);
    },
    async dispose() {
      await log.close();
      await rm(dir, { recursive: true });
    },
  };
}

decisionLogContract("local log", async () => openIn(await mkdtemp(join(tmpdir(), "fairwarning-log-"))));
