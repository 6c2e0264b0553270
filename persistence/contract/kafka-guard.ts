// Brokers that a test started never outlive it, however it ends: a small shell process waits for the end of its input, which the
// kernel brings about even after a SIGKILL, then kills what the folder's pid files name and removes the folder.
import { spawn } from "node:child_process";
import { Socket } from "node:net";

/** Retried for ten seconds: a dying broker may still be writing a file. `$2` onwards: a command that removes what no pid file names. */
const SCRIPT = `cat > /dev/null
folder="$1"; shift
for file in "$folder"/*/pid; do [ -f "$file" ] && kill -KILL "$(cat "$file")"; done
[ $# = 0 ] || "$@"
for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$folder" && exit 0; sleep 1; done`;

/** Cleans up at the end of this process, or when told to, which waits until all is gone. */
export interface Guard {
  cleanUp(): Promise<void>;
}

/** Guards `folder`, whose subfolders are nodes. `also` is run as well when it is not empty. */
export function guardFolder(folder: string, also: readonly string[] = []): Guard {
  const guard = spawn("sh", ["-c", SCRIPT, "sh", folder, ...also], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  const gone = new Promise<void>((done) => guard.once("exit", () => done()));
  guard.unref();
  if (guard.stdin instanceof Socket) guard.stdin.unref();
  const cleanUp = async (): Promise<void> => {
    guard.ref();
    guard.stdin.end();
    await gone;
  };
  return { cleanUp };
}
