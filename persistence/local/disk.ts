// What the disk under a log folder is, and whether it has room.
//
// L7. Network and FUSE file systems are refused: a sync there proves nothing, and a socket there is not reachable by all.
// L9. Below the reserve the room is `low`. Asking costs a system call, so it is done at most once a second, or once per eighth of
//     the reserve written.
import type { Files } from "./files.ts";

/** Magic numbers as in Linux' statfs(2). */
const REFUSED = new Map<number, string>([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff53_4d42, "CIFS"],
  [0xfe53_4d42, "SMB2"],
  [0x6573_5546, "FUSE or virtiofs"],
  [0x00c3_6400, "Ceph"],
  [0x0102_1997, "9P"],
  [0x5346_414f, "AFS"],
  [0x7375_7245, "Coda"],
  [0x0bd0_0bd0, "Lustre"],
  [0x0116_1970, "GFS2"],
  [0x7461_636f, "OCFS2"],
]);

const CHECK_INTERVAL_MS = 1_000;

/** The name of a file system a log may not lie on, or null if it may. Other systems than Linux use other numbers and pass. */
export function refusedFileSystem(fileSystem: number): string | null {
  return REFUSED.get(fileSystem >>> 0) ?? null;
}

/** Watches the free space of one folder. */
export class DiskRoom {
  readonly #files: Files;
  readonly #folder: string;
  readonly #reserveBytes: number;
  readonly #now: () => number;
  #room: "ok" | "low" = "ok";
  #checking = false;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #writtenSince = 0;

  /** `now`: monotonic milliseconds. */
  constructor(options: { files: Files; folder: string; reserveBytes: number; now: () => number }) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.#reserveBytes = options.reserveBytes;
    this.#now = options.now;
  }

  /** The last answer; asks the disk again if that one is old. */
  room(): "ok" | "low" {
    if (this.#now() - this.#checkedAt >= CHECK_INTERVAL_MS) void this.check();
    return this.#room;
  }

  wrote(bytes: number): void {
    this.#writtenSince += bytes;
    if (this.#writtenSince >= this.#reserveBytes / 8) void this.check();
  }

  /** A write found the disk full, whatever the last answer was. */
  full(): void {
    this.#room = "low";
    this.#checkedAt = this.#now();
  }

  /** Asks the disk now. Never rejects: if it does not answer, the last answer stands. */
  async check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    this.#checkedAt = this.#now();
    this.#writtenSince = 0;
    try {
      const { freeBytes } = await this.#files.space(this.#folder);
      this.#room = freeBytes < this.#reserveBytes ? "low" : "ok";
    } catch {
      // A disk that cannot say what is free will say so to the next write, where it counts.
    } finally {
      this.#checking = false;
    }
  }
}
