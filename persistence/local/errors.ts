// Why a local log cannot be opened or read. Each says where, and what to do.

/** Another process holds the folder (L6). */
export class LogFolderHeld extends Error {
  readonly folder: string;
  /** Process id the holder gave, or null if it could not be read. */
  readonly pid: number | null;

  constructor(folder: string, pid: number | null) {
    super(
      `the log folder ${folder} is held by another process${pid === null ? "" : ` (pid ${pid})`}. One engine writes a folder; ` +
        "stop the other one, or use Kafka as the log to run several engines.",
    );
    this.name = "LogFolderHeld";
    this.folder = folder;
    this.pid = pid;
  }
}

/** Bytes that were durable once are wrong. Nothing was changed. */
export class LogDamaged extends Error {
  readonly segment: string;
  /** Position in the stream of segments; the byte in the file is this minus the number in the file's name. */
  readonly position: number;

  constructor(segment: string, position: number, what: string) {
    super(
      `the log is damaged in ${segment} at position ${position}: ${what}. Nothing was changed. Copy the folder away first. Then put ` +
        "that segment back from a copy of the folder; if there is none, what stands from there on is lost, and an empty folder begins a new log.",
    );
    this.name = "LogDamaged";
    this.segment = segment;
    this.position = position;
  }
}

/** The disk has no room for even the beginning of a log. */
export class LogFull extends Error {
  constructor(folder: string) {
    super(`no space is left for the log in ${folder}: free some and start again`);
    this.name = "LogFull";
  }
}

/** No log is in the folder, and none was to be made. */
export class LogMissing extends Error {
  constructor(folder: string) {
    super(`there is no log in ${folder}`);
    this.name = "LogMissing";
  }
}

/** The log was made with other settings than those asked for. */
export class LogMismatch extends Error {
  constructor(folder: string, what: string) {
    super(`the log in ${folder} ${what}`);
    this.name = "LogMismatch";
  }
}

/** A file system on which neither a sync nor the holder's socket can be trusted (L7). */
export class LogFileSystemRefused extends Error {
  constructor(folder: string, fileSystem: string) {
    super(`${folder} lies on ${fileSystem}, where a sync proves nothing: put the log on a disk of this machine, or use Kafka as the log`);
    this.name = "LogFileSystemRefused";
  }
}

/** A write or sync failed in a way that leaves the disk's state unknown (L8). The process must stop. */
export class LogDiskFailed extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what} failed: ${cause instanceof Error ? cause.message : String(cause)}. What is on the disk is unknown, so the process stops.`, { cause });
    this.name = "LogDiskFailed";
  }
}
