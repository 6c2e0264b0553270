// Why the embedded Postgres did not start, in words that say what to do. Must not decide whether to try again.

export type PostgresFault =
  | "port_taken"
  | "folder_not_writable"
  | "folder_in_use"
  | "sessions_ending"
  | "disk_full"
  | "binaries_missing"
  | "version_differs"
  | "password_missing"
  | "too_slow"
  | "failed";

/** Postgres did not start. The message says what to do; `fault` says what it was. */
export class PostgresStartFailed extends Error {
  override readonly name = "PostgresStartFailed";
  readonly fault: PostgresFault;

  constructor(fault: PostgresFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** What a program said before it ended, as a fault. `port`: the one it was to listen at. */
export function explain(lines: readonly string[], error: Error | null, program: string, port: number): PostgresStartFailed {
  const said = [...lines, ...(error === null ? [] : [error.message])].join(" | ");
  const options = error === null ? undefined : { cause: error };
  if (/Address already in use|could not bind/.test(said)) {
    return new PostgresStartFailed("port_taken", `Port ${port} is taken. Stop what listens there, or set FAIRWARNING_POSTGRES_PORT. (${said})`, options);
  }
  if (/No space left on device/.test(said)) return new PostgresStartFailed("disk_full", `The disk is full: ${said}`, options);
  if (/lock file "postmaster.pid" already exists/.test(said))
    return new PostgresStartFailed("folder_in_use", `Another Postgres runs on this folder: ${said}`, options);
  if (/database files are incompatible with server/.test(said)) {
    return new PostgresStartFailed(
      "version_differs",
      `The folder was made by another version of Postgres; start that version of Fairwarning, or move the folder away: ${said}`,
      options,
    );
  }
  if (said.includes("could not look up effective user ID")) {
    return new PostgresStartFailed(
      "failed",
      `Postgres runs only as a user with an entry in /etc/passwd. Start as one, or set FAIRWARNING_POSTGRES_URL. (${said})`,
      options,
    );
  }
  if (/Permission denied|could not access directory|EACCES/.test(said))
    return new PostgresStartFailed("folder_not_writable", `The data folder cannot be used: ${said}`, options);
  return new PostgresStartFailed("failed", `${program} ended: ${said === "" ? "it said nothing" : said}`, options);
}

/** Runs a step on the file system and gives its errors their names. */
export function onDisk<T>(dataDir: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const message = error instanceof Error ? error.message : String(error);
    if (code === "ENOSPC" || code === "EDQUOT") throw new PostgresStartFailed("disk_full", `The disk is full: ${message}`, { cause: error });
    if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"].includes(code)) {
      const advice = "Choose another folder, or start as the user that made it";
      throw new PostgresStartFailed("folder_not_writable", `${dataDir} cannot be written. ${advice}. (${message})`, { cause: error });
    }
    throw error;
  }
}

/** Somebody else has the folder. */
export function inUse(dataDir: string, holder: string): PostgresStartFailed {
  return new PostgresStartFailed("folder_in_use", `${dataDir} is used by ${holder}. Stop it first, or choose another folder.`);
}
