// A folder that several processes want and one of them fills, as a download or a long preparation.
//
// F1. A folder under its final name is whole: it is filled under another name and renamed.
// F2. Of several that want it at once one fills and the others wait. One that died filling is replaced.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const LOOK_AGAIN_MS = 200;
/** A claim without a readable process id is being written; when it is older than this, its writer died. */
const CLAIM_WRITE_MS_MAX = 10_000;

/** Fills `folder` unless it is there. `fill` is given an empty folder; what it refuses with is refused, and the next one may try.
 *  The folder that it is to stand in has to be there. */
export async function fillOnce(folder: string, fill: (filling: string) => Promise<void>): Promise<void> {
  const claim = `${folder}.filling`;
  while (!existsSync(folder)) {
    if (!claimed(claim)) {
      await pause(LOOK_AGAIN_MS);
      continue;
    }
    try {
      if (!existsSync(folder)) await fillWhole(folder, fill);
    } finally {
      rmSync(claim, { force: true });
    }
  }
}

async function fillWhole(folder: string, fill: (filling: string) => Promise<void>): Promise<void> {
  const filling = `${folder}.${process.pid}`;
  rmSync(filling, { recursive: true, force: true });
  mkdirSync(filling);
  try {
    await fill(filling);
    renameSync(filling, folder);
  } catch (error) {
    rmSync(filling, { recursive: true, force: true });
    // Two may have filled when one died; the first one's folder is as good.
    if (!existsSync(folder)) throw error;
  }
}

/** True: this process fills. A claim whose process is gone is taken away, so that the next look may win it. */
function claimed(claim: string): boolean {
  try {
    writeFileSync(claim, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  if (holderGone(claim)) rmSync(claim, { force: true });
  return false;
}

function holderGone(claim: string): boolean {
  try {
    const pid = Number(readFileSync(claim, "utf8"));
    // Number("") is 0, and kill(0) would ask about our own group.
    if (!Number.isInteger(pid) || pid <= 0) return performance.timeOrigin + performance.now() - statSync(claim).mtimeMs > CLAIM_WRITE_MS_MAX;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
